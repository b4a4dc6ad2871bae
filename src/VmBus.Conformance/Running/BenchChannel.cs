using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Running;

/// <summary>A channel of the bench's own guest, which may do with it what no driver does.</summary>
internal sealed class BenchChannel(Bench bench, ClientChannel channel) : RingChannel(bench.Patience), IDisposable
{
    public ClientChannel Client => channel;

    public override uint Id => channel.Id;

    public uint GpadlId => channel.GpadlId;

    public override int DataBytes => (channel.PagesPerRing - 1) * Gpa.PageBytes;

    protected override IPacketChannel Packets => channel;

    public void Open()
    {
        ClientStatus status = bench.Client.Open(channel);
        Bench.Must(status == ClientStatus.Ok, $"The host did not open channel {Id}: {status}, {(uint)bench.Client.HostStatus:x}.");
    }

    /// <summary>Posts the open and takes the answer.</summary>
    public OpenChannelResult RequestOpen(Func<OpenChannelRequest, OpenChannelRequest>? change = null)
    {
        OpenChannelRequest request = VmBusClient.Request(channel);
        bench.Transport.Listen(channel.Processor, channel.Id);
        bench.Post(change?.Invoke(request) ?? request);
        return bench.Expect<OpenChannelResult>("OPEN_CHANNEL");
    }

    public override bool Signal() => channel.Signal();

    public override bool WaitForInterrupt(TimeSpan timeout) => bench.Transport.WaitForInterrupt(Id, timeout);

    public override uint Word(bool outbound, int offset)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        _ = bench.Memory.TryRead(At(outbound, offset), word);
        return ReadUInt32LittleEndian(word);
    }

    public override void SetWord(bool outbound, int offset, uint value)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        WriteUInt32LittleEndian(word, value);
        _ = bench.Memory.TryWrite(At(outbound, offset), word);
    }

    public override void SetData(bool outbound, int position, ReadOnlySpan<byte> bytes) => _ = bench.Memory.TryWrite(At(outbound, Gpa.PageBytes + position), bytes);

    public override byte[] Data(bool outbound, int position, int bytes)
    {
        byte[] data = new byte[bytes];
        _ = bench.Memory.TryRead(At(outbound, Gpa.PageBytes + position), data);
        return data;
    }

    /// <summary>Closes as drivers do: CLOSE_CHANNEL, then the teardown of the rings.</summary>
    public void Close()
    {
        ClientStatus status = bench.Client.Close(channel);
        Bench.Must(status == ClientStatus.Ok, $"The host did not give back the rings of channel {Id}: {status}.");
    }

    public void Dispose() => channel.Rings.Dispose();

    protected override bool UnmaskInterrupts() => channel.Rings.Reader.UnmaskInterrupts();

    private Gpa At(bool outbound, int offset)
        => new(((channel.Pages.FirstPage + (outbound ? 0 : (ulong)channel.PagesPerRing)) * Gpa.PageBytes) + (ulong)offset);
}
