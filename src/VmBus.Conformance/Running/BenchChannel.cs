using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Running;

/// <summary>A channel as a check uses it: packets as drivers send them, and every byte of its rings.</summary>
internal sealed class BenchChannel(Bench bench, ClientChannel channel) : IDisposable
{
    public ClientChannel Client => channel;

    public uint Id => channel.Id;

    public uint GpadlId => channel.GpadlId;

    /// <summary>Bytes of each ring's data.</summary>
    public int DataBytes => (channel.PagesPerRing - 1) * Gpa.PageBytes;

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

    /// <summary>Writes one packet and publishes it.</summary>
    public void Send(ReadOnlySpan<byte> payload, ulong id, PacketType type = PacketType.DataInband, ReadOnlySpan<byte> header = default, ushort flags = PacketDescriptor.CompletionRequested)
    {
        Bench.Must(channel.TrySend(type, header, payload, id, flags) == RingStatus.Ok, $"There was no room in the ring of channel {Id}.");
        channel.Flush();
    }

    /// <summary>Sends a packet while the inbound ring is empty and not masked: the answer to it comes with an interrupt.</summary>
    public void SendForSignal(ReadOnlySpan<byte> payload, ulong id)
    {
        Bench.Must(!channel.Rings.Reader.UnmaskInterrupts(), $"A packet came on channel {Id} that nothing asked for.");
        while (bench.Transport.WaitForInterrupt(Id, TimeSpan.Zero))
        {
        }

        Send(payload, id);
        Bench.Must(bench.Transport.WaitForInterrupt(Id, bench.Patience), $"No interrupt came for an answer on channel {Id}.");
    }

    /// <summary>The next packet, or null when none comes in time. Waits for interrupts only: a lost one is a packet that does not come.</summary>
    public ReceivedPacket? Take(TimeSpan? timeout = null)
    {
        while (true)
        {
            RingStatus status = channel.TryReceive(out RingPacket packet);
            Bench.Must(status != RingStatus.Corrupt, $"The host's ring of channel {Id} makes no sense.");
            if (status == RingStatus.Ok)
            {
                var copy = new ReceivedPacket(packet.Descriptor, packet.Header.ToArray(), packet.Payload.ToArray());
                channel.Release();
                return copy;
            }

            if (!channel.Wait(timeout ?? bench.Patience)) return null;
        }
    }

    public ReceivedPacket Expect(string after, TimeSpan? timeout = null)
        => Take(timeout) ?? throw new RuleBrokenException($"{after}: no packet came within {(timeout ?? bench.Patience).TotalSeconds} s.");

    /// <summary>The completion of a request.</summary>
    public ReceivedPacket Complete(ulong id, string after)
    {
        ReceivedPacket packet = Expect(after);
        Bench.Must(packet.Descriptor.Type == PacketType.Completion, $"{after}: a packet of type {(int)packet.Descriptor.Type} came where a completion was due.");
        Bench.Must(packet.Descriptor.TransactionId == id, $"{after}: completion of {packet.Descriptor.TransactionId:x}, not of {id:x}.");
        return packet;
    }

    /// <summary>A word of a control page.</summary>
    public uint Word(bool outbound, int offset)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        _ = bench.Memory.TryRead(At(outbound, offset), word);
        return ReadUInt32LittleEndian(word);
    }

    /// <summary>Writes a word of a control page, behind the driver's back.</summary>
    public void SetWord(bool outbound, int offset, uint value)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        WriteUInt32LittleEndian(word, value);
        _ = bench.Memory.TryWrite(At(outbound, offset), word);
    }

    /// <summary>Writes data of a ring, behind the driver's back.</summary>
    public void SetData(bool outbound, int position, ReadOnlySpan<byte> bytes) => _ = bench.Memory.TryWrite(At(outbound, Gpa.PageBytes + position), bytes);

    public byte[] Data(bool outbound, int position, int bytes)
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

    private Gpa At(bool outbound, int offset)
        => new(((channel.Pages.FirstPage + (outbound ? 0 : (ulong)channel.PagesPerRing)) * Gpa.PageBytes) + (ulong)offset);
}
