using System.Diagnostics;
using VmBus.Client.Channels;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Running;

/// <summary>An open channel as a check uses it, whoever has opened it: packets as drivers send them, and every byte of its rings.</summary>
/// <param name="patience">For how long an answer that has to come is waited for.</param>
internal abstract class RingChannel(TimeSpan patience)
{
    public abstract uint Id { get; }

    /// <summary>Bytes of each ring's data.</summary>
    public abstract int DataBytes { get; }

    public TimeSpan Patience => patience;

    protected abstract IPacketChannel Packets { get; }

    /// <summary>Signals the host, asked or not.</summary>
    /// <returns>False when it is known that the host does not listen.</returns>
    public abstract bool Signal();

    /// <summary>Takes one interrupt of the host, whatever is in the ring.</summary>
    public abstract bool WaitForInterrupt(TimeSpan timeout);

    /// <summary>A word of a control page.</summary>
    public abstract uint Word(bool outbound, int offset);

    /// <summary>Writes a word of a control page, behind the driver's back.</summary>
    public abstract void SetWord(bool outbound, int offset, uint value);

    /// <summary>Writes data of a ring, behind the driver's back.</summary>
    public abstract void SetData(bool outbound, int position, ReadOnlySpan<byte> bytes);

    public abstract byte[] Data(bool outbound, int position, int bytes);

    /// <summary>Writes one packet and publishes it.</summary>
    public void Send(ReadOnlySpan<byte> payload, ulong id, PacketType type = PacketType.DataInband, ReadOnlySpan<byte> header = default, ushort flags = PacketDescriptor.CompletionRequested)
    {
        Bench.Must(Packets.TrySend(type, header, payload, id, flags) == RingStatus.Ok, $"There was no room in the ring of channel {Id}.");
        Packets.Flush();
    }

    /// <summary>Writes one packet that the host does not see before <see cref="Publish"/>, if there is room.</summary>
    public bool TryWrite(ReadOnlySpan<byte> payload, ulong id, ushort flags) => Packets.TrySend(PacketType.DataInband, default, payload, id, flags) == RingStatus.Ok;

    /// <summary>Shows the host what was written, and signals it if it asks for that.</summary>
    public void Publish() => Packets.Flush();

    /// <summary>Sends a packet while the inbound ring is empty and not masked: the answer to it comes with an interrupt.</summary>
    public void SendForSignal(ReadOnlySpan<byte> payload, ulong id)
    {
        Bench.Must(!UnmaskInterrupts(), $"A packet came on channel {Id} that nothing asked for.");
        ForgetInterrupts();
        Send(payload, id);
        Bench.Must(WaitForInterrupt(Patience), $"No interrupt came for an answer on channel {Id}.");
    }

    /// <summary>Takes the interrupts that have come already.</summary>
    public void ForgetInterrupts()
    {
        while (WaitForInterrupt(TimeSpan.Zero))
        {
        }
    }

    /// <summary>The next packet, or null when none comes in time. Waits for interrupts only: a lost one is a packet that does not come.</summary>
    public ReceivedPacket? Take(TimeSpan? timeout = null)
    {
        while (true)
        {
            RingStatus status = Packets.TryReceive(out RingPacket packet);
            Bench.Must(status != RingStatus.Corrupt, $"The host's ring of channel {Id} makes no sense.");
            if (status == RingStatus.Ok)
            {
                var copy = new ReceivedPacket(packet.Descriptor, packet.Header.ToArray(), packet.Payload.ToArray());
                Packets.Release();
                return copy;
            }

            if (!Packets.Wait(timeout ?? Patience)) return null;
        }
    }

    public ReceivedPacket Expect(string after, TimeSpan? timeout = null)
        => Take(timeout) ?? throw new RuleBrokenException($"{after}: no packet came within {(timeout ?? Patience).TotalSeconds} s.");

    /// <summary>The completion of a request.</summary>
    public ReceivedPacket Complete(ulong id, string after)
    {
        ReceivedPacket packet = Expect(after);
        Bench.Must(packet.Descriptor.Type == PacketType.Completion, $"{after}: a packet of type {(int)packet.Descriptor.Type} came where a completion was due.");
        Bench.Must(packet.Descriptor.TransactionId == id, $"{after}: completion of {packet.Descriptor.TransactionId:x}, not of {id:x}.");
        return packet;
    }

    /// <summary>Waits for something that the host does without a message or a signal.</summary>
    public bool WaitUntil(Func<bool> condition, TimeSpan? timeout = null)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started) > (timeout ?? Patience)) return false;
            Thread.Sleep(1);
        }

        return true;
    }

    /// <summary>Asks the host for interrupts. True when there is a packet already.</summary>
    protected abstract bool UnmaskInterrupts();
}
