using System.Buffers.Binary;
using VmBus.Machine.Hypercalls;
using VmBus.Memory.Guest;
using Xunit;

namespace VmBus.Machine.Tests.Hypercalls;

/// <summary>Which pages a guest gives back by a hint, and that it gives back nothing else. Nothing here may throw.</summary>
public sealed class FreePageHintsTests : IHypercallSink, IDisposable
{
    private const ulong Query = 0x8001;
    private const ulong Hint = 0x8003;
    private const ulong Input = 0x1000;
    private const ulong Large = 1 << 11;

    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);
    private readonly FreePageHints _hints;
    private readonly HypercallDispatcher _dispatcher;

    public FreePageHintsTests()
    {
        _hints = new FreePageHints(_memory);
        _dispatcher = new HypercallDispatcher(_memory, this, _hints);
    }

    public void Dispose() => _memory.Dispose();

    public HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload) => HypercallStatus.Success;

    public HypercallStatus SignalEvent(uint connectionId, ushort flag) => HypercallStatus.Success;

    [Fact]
    public void Capability_is_told()
    {
        Assert.Equal(HypercallStatus.Success, _dispatcher.Dispatch(Query, 0, Input, out int repeats));
        Assert.Equal(0, repeats);
        Assert.Equal(0x100ul, Read(Input));
        Assert.Equal(HypercallStatus.InvalidAlignment, _dispatcher.Dispatch(Query, 0, Input + 4, out _));
        Assert.Equal(HypercallStatus.InvalidParameter, _dispatcher.Dispatch(Query, 0, 1ul << 40, out _));
        Assert.Equal(HypercallStatus.InvalidHypercallInput, _dispatcher.Dispatch(Query | (1 << 16), 0, Input, out _));
    }

    [Fact]
    public void Large_and_small_ranges_read_as_zero_and_their_neighbours_stay()
    {
        for (ulong address = 0x2000; address < 16 << 20; address += 0x1000) Write(address, address | 1);
        Prepare(2, (2ul << 21) | Large | 1, (0x300ul << 12) | 2);
        Assert.Equal(HypercallStatus.Success, _dispatcher.Dispatch(Hint | (2ul << 32), Input, 0, out int repeats));
        Assert.Equal(2, repeats);
        Assert.Equal((4 << 20) + 0x3000, _hints.DiscardedBytes);
        for (ulong address = 0x2000; address < 16 << 20; address += 0x1000)
        {
            bool isFree = address is >= 4 << 20 and < 8 << 20 or >= 0x30_0000 and < 0x30_3000;
            Assert.Equal(isFree ? 0 : address | 1, Read(address));
        }
    }

    [Fact]
    public void Repeats_go_on_where_they_are_told_to()
    {
        Write(0x30_0000, 7);
        Write(0x30_1000, 7);
        Prepare(2, 0x300ul << 12, 0x301ul << 12);
        Assert.Equal(HypercallStatus.Success, _dispatcher.Dispatch(Hint | (2ul << 32) | (1ul << 48), Input, 0, out int repeats));
        Assert.Equal((2, 7ul, 0ul), (repeats, Read(0x30_0000), Read(0x30_1000)));
    }

    [Theory]
    [InlineData(2ul, 8ul << 21 | Large)]
    [InlineData(2ul, (7ul << 21) | Large | 1)]
    [InlineData(2ul, ~0ul)]
    [InlineData(2ul, Large | (1 << 12))]
    [InlineData(1ul, 0x300ul << 12)]
    public void What_is_not_RAM_or_not_known_is_refused(ulong kind, ulong range)
    {
        Prepare(kind, range);
        Assert.Equal(HypercallStatus.InvalidParameter, _dispatcher.Dispatch(Hint | (1ul << 32), Input, 0, out int repeats));
        Assert.Equal((0, 0L), (repeats, _hints.DiscardedBytes));
    }

    [Theory]
    [InlineData(Hint, Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(Hint | (1ul << 32) | (1ul << 48), Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(Hint | (1ul << 32) | (1 << 16), Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(Hint | (1ul << 32), Input + 4, HypercallStatus.InvalidAlignment)]
    [InlineData(Hint | (512ul << 32), Input, HypercallStatus.InvalidAlignment)]
    [InlineData(Hint | (1ul << 32), Input + 0xFF8, HypercallStatus.InvalidAlignment)]
    [InlineData(Hint | (4095ul << 32), Input, HypercallStatus.InvalidAlignment)]
    [InlineData(Hint | (1ul << 32), 1ul << 40, HypercallStatus.InvalidParameter)]
    public void Call_that_makes_no_sense_is_refused(ulong input, ulong first, HypercallStatus expected)
    {
        Assert.Equal(expected, _dispatcher.Dispatch(input, first, 0, out int repeats));
        Assert.Equal(0, repeats);
    }

    [Fact]
    public void Without_hints_the_calls_are_not_known()
    {
        var dispatcher = new HypercallDispatcher(_memory, this);
        Assert.Equal(HypercallStatus.InvalidHypercallCode, dispatcher.Dispatch(Query, 0, Input, out _));
        Assert.Equal(HypercallStatus.InvalidHypercallCode, dispatcher.Dispatch(Hint | (1ul << 32), Input, 0, out _));
    }

    private void Prepare(ulong kind, params ulong[] ranges)
    {
        Write(Input, kind);
        for (int i = 0; i < ranges.Length; i++) Write(Input + 8 + ((ulong)i * 8), ranges[i]);
    }

    private ulong Read(ulong address)
    {
        Span<byte> bytes = stackalloc byte[8];
        Assert.True(_memory.TryRead(new Gpa(address), bytes));
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void Write(ulong address, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Assert.True(_memory.TryWrite(new Gpa(address), bytes));
    }
}
