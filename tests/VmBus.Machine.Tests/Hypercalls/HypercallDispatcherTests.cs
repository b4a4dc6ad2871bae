using System.Buffers.Binary;
using VmBus.Machine.Hypercalls;
using VmBus.Memory.Guest;
using VmBus.TestKit;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Machine.Tests.Hypercalls;

/// <summary>What the guest may put into a hypercall, and what each is answered. Nothing here may throw.</summary>
public sealed class HypercallDispatcherTests : IHypercallSink, IDisposable
{
    private const ulong Post = 0x5C;
    private const ulong Signal = 0x5D;
    private const ulong Input = 0x1000;

    private readonly GuestMemory _memory = GuestMemory.Create(64 << 10);
    private readonly HypercallDispatcher _dispatcher;
    private readonly List<string> _calls = [];

    public HypercallDispatcherTests() => _dispatcher = new HypercallDispatcher(_memory, this);

    public HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload)
    {
        _calls.Add($"post {connectionId} {messageType} {Convert.ToHexStringLower(payload)}");
        return HypercallStatus.InsufficientBuffers;
    }

    public HypercallStatus SignalEvent(uint connectionId, ushort flag)
    {
        _calls.Add($"signal {connectionId:x} {flag}");
        return HypercallStatus.InvalidConnectionId;
    }

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Post_hands_on_the_fields_and_the_sinks_answer()
    {
        Prepare(Input, 0xFF00_0004, 1, 3, [0xA, 0xB, 0xC]);
        Assert.Equal(HypercallStatus.InsufficientBuffers, _dispatcher.Dispatch(Post, Input, 0, out _));
        Assert.Equal(["post 4 1 0a0b0c"], _calls);
    }

    [Fact]
    public void Post_may_end_with_its_page()
    {
        Prepare(Input + 0xF00, 1, 1, 0, []);
        Assert.Equal(HypercallStatus.InsufficientBuffers, _dispatcher.Dispatch(Post, Input + 0xF00, 0, out _));
    }

    [Theory]
    [InlineData(0x1_005Cul, Input, HypercallStatus.InvalidHypercallCode)]
    [InlineData(0x2_005Cul, Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(0x1_0000_005Cul, Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(0x1_0000_0000_005Cul, Input, HypercallStatus.InvalidHypercallInput)]
    [InlineData(Post, Input + 1, HypercallStatus.InvalidAlignment)]
    [InlineData(Post, Input + 4, HypercallStatus.InvalidAlignment)]
    [InlineData(Post, Input + 0xF08, HypercallStatus.InvalidAlignment)]
    [InlineData(Post, 0x10000ul, HypercallStatus.InvalidParameter)]
    [InlineData(Post, 0xFFFF_FFFF_FFFF_F000ul, HypercallStatus.InvalidParameter)]
    [InlineData(Post, 0xFFFF_FFFF_FFFF_FFF8ul, HypercallStatus.InvalidAlignment)]
    [InlineData(0x46ul, Input, HypercallStatus.InvalidHypercallCode)]
    [InlineData(0x8001ul, Input, HypercallStatus.InvalidHypercallCode)]
    [InlineData(0x69ul, Input, HypercallStatus.InvalidHypercallCode)]
    public void Malformed_calls_are_refused_before_the_sink(ulong input, ulong first, HypercallStatus expected)
    {
        Prepare(Input, 1, 1, 0, []);
        Assert.Equal(expected, _dispatcher.Dispatch(input, first, 0, out _));
        Assert.Empty(_calls);
    }

    [Theory]
    [InlineData(1u, 241u)]
    [InlineData(1u, uint.MaxValue)]
    [InlineData(0u, 8u)]
    [InlineData(0x8000_0010u, 8u)]
    public void Malformed_messages_are_refused_before_the_sink(uint type, uint bytes)
    {
        Prepare(Input, 1, type, bytes, []);
        Assert.Equal(HypercallStatus.InvalidParameter, _dispatcher.Dispatch(Post, Input, 0, out _));
        Assert.Empty(_calls);
    }

    [Theory]
    [InlineData(0x1_005Dul)]
    [InlineData(Signal)]
    public void Signal_takes_its_parameter_as_a_value_in_both_forms(ulong input)
    {
        Assert.Equal(HypercallStatus.InvalidConnectionId, _dispatcher.Dispatch(input, 0x0007_0000_1000, 0, out _));
        Assert.Equal(["signal 1000 7"], _calls);
    }

    [Theory]
    [InlineData(0x1_005Dul, 0x0001_0000_0000_0001ul, HypercallStatus.InvalidHypercallInput)]
    [InlineData(0x1_005Dul, 0x100_0000ul, HypercallStatus.InvalidConnectionId)]
    [InlineData(0x3_005Dul, 1ul, HypercallStatus.InvalidHypercallInput)]
    public void Malformed_signals_are_refused_before_the_sink(ulong input, ulong first, HypercallStatus expected)
    {
        Assert.Equal(expected, _dispatcher.Dispatch(input, first, 0, out _));
        Assert.Empty(_calls);
    }

    [Fact]
    public void Post_allocates_nothing_but_what_the_sink_does()
    {
        Prepare(Input, 1, 1, 241, []);
        _dispatcher.Dispatch(Post, Input, 0, out _);
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (int i = 0; i < 100; i++) _dispatcher.Dispatch(Post, Input, 0, out _);
        }));
    }

    [Fact]
    public void Statuses_are_those_of_the_page()
        => Assert.Empty(SpecPage.Load("synic.md").Numbers("status").DifferencesFrom<HypercallStatus>());

    private void Prepare(ulong address, uint connectionId, uint type, uint bytes, byte[] payload)
    {
        byte[] input = new byte[256];
        BinaryPrimitives.WriteUInt32LittleEndian(input, connectionId);
        BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(8), type);
        BinaryPrimitives.WriteUInt32LittleEndian(input.AsSpan(12), bytes);
        payload.CopyTo(input, 16);
        Assert.True(_memory.TryWrite(new Gpa(address), input));
    }
}
