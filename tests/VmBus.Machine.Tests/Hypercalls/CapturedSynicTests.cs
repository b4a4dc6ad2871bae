using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Interrupts;
using VmBus.Machine.Tests.Interrupts;
using VmBus.Memory.Guest;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Machine.Tests.Hypercalls;

/// <summary>What real guests put into hypercalls and into the SynIC's registers, given to the dispatcher and to the controller again.</summary>
public sealed class CapturedSynicTests : IHypercallSink, IDisposable
{
    private const ulong Input = 0x1000;

    private readonly List<(uint Connection, uint Type, byte[] Payload)> _posts = [];
    private readonly List<(uint Connection, ushort Flag)> _signals = [];
    private readonly GuestMemory _memory = GuestMemory.Create(512 << 20);

    public static TheoryData<string> Conversations => [.. SpecConversation.Names("synic")];

    public HypercallStatus PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload)
    {
        _posts.Add((connectionId, messageType, payload.ToArray()));
        return HypercallStatus.Success;
    }

    public HypercallStatus SignalEvent(uint connectionId, ushort flag)
    {
        _signals.Add((connectionId, flag));
        return HypercallStatus.Success;
    }

    public void Dispose() => _memory.Dispose();

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Posts_carry_the_channel_messages_of_the_same_capture(string name)
    {
        var dispatcher = new HypercallDispatcher(_memory, this);
        foreach ((string[] words, byte[] bytes) in Lines(name, "hypercall").Where(line => line.Words[2] == "input"))
        {
            Assert.True(_memory.TryWrite(new Gpa(Input), bytes));
            Assert.Equal(HypercallStatus.Success, dispatcher.Dispatch(Number(words[1]), Input, 0, out _));
        }

        byte[][] messages = [.. SpecConversation.Load(name.Replace("-synic", "-channel", StringComparison.Ordinal)).Utterances
            .Where(message => message.FromGuest).Select(message => message.Bytes)];
        Assert.NotEmpty(_posts);
        Assert.Equal(messages.Take(_posts.Count), _posts.Select(post => post.Payload));
        // The first contact goes to the port of connections to come, what follows to the one that the answer named.
        Assert.Equal([4u, .. Enumerable.Repeat(1u, _posts.Count - 1)], _posts.Select(post => post.Connection));
        Assert.All(_posts, post => Assert.Equal(1u, post.Type));
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Signals_are_fast_and_name_a_channel(string name)
    {
        var dispatcher = new HypercallDispatcher(_memory, this);
        foreach ((string[] words, byte[] bytes) in Lines(name, "hypercall").Where(line => line.Words[2] == "register"))
        {
            Assert.Equal(0x1_005Dul, Number(words[1]));
            Assert.Equal(HypercallStatus.Success, dispatcher.Dispatch(Number(words[1]), ReadUInt64LittleEndian(bytes), 0, out _));
        }

        Assert.NotEmpty(_signals);
        Assert.All(_signals, signal => Assert.Equal((0x2001u, 0), (signal.Connection, signal.Flag)));
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Registers_of_each_processor_reach_its_pages(string name)
    {
        var registers = new Dictionary<(ulong Msr, int Processor), ulong>();
        foreach ((string[] words, byte[] bytes) in Lines(name, "msr"))
            registers.Add((Number(words[1]), int.Parse(words[3], CultureInfo.InvariantCulture)), ReadUInt64LittleEndian(bytes));
        var kernel = new FakeSynicKernel();
        var synic = new Synic(_memory, 2, kernel, NullLogger.Instance);
        for (int processor = 0; processor < 2; processor++)
        {
            ulong eventPage = registers[(0x4000_0082, processor)];
            ulong messagePage = registers[(0x4000_0083, processor)];
            Assert.True(synic.TrySetSource(processor, registers[(0x4000_0092, processor)]));
            synic.Update(processor, registers[(0x4000_0080, processor)], eventPage, messagePage);
            synic.Raise((uint)processor, 8);
            Assert.True(synic.SetMessageTarget((uint)processor));
            Assert.True(synic.PostMessage([0x5A]));

            Assert.Equal(1, Byte((eventPage & ~0xFFFul) + 513));
            Assert.Equal((1, 1, 0x5A), (Byte((messagePage & ~0xFFFul) + 512), Byte((messagePage & ~0xFFFul) + 516), Byte((messagePage & ~0xFFFul) + 528)));
            // SINT 2: a vector, neither masked nor ended by itself.
            ulong source = registers[(0x4000_0092, processor)];
            Assert.InRange(source & 0xFF, 0x20ul, 0xFFul);
            Assert.Equal(0ul, source & 0x3_0000);
            Assert.Equal((ulong)processor, registers[(0x4000_0002, processor)]);
        }

        synic.Close();
        synic.DisposeDescriptors();
    }

    private static IEnumerable<(string[] Words, byte[] Bytes)> Lines(string name, string kind) => SpecConversation.Load(name).Utterances
        .Select(line => (line.Label.Split(' '), line.Bytes)).Where(line => line.Item1[0] == kind);

    private static ulong Number(string text) => SpecTable.TryNumber(text, out ulong value) ? value : throw new FormatException($"'{text}' is no number.");

    private byte Byte(ulong address)
    {
        Span<byte> value = stackalloc byte[1];
        Assert.True(_memory.TryRead(new Gpa(address), value));
        return value[0];
    }
}
