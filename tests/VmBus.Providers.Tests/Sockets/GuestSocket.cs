using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Sockets;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Rings;

namespace VmBus.Providers.Tests.Sockets;

/// <summary>The guest's end of a socket over a channel of a <see cref="FakeGuest"/>. One thread at a time.</summary>
internal sealed class GuestSocket(FakeGuest guest, GuestChannel channel)
{
    // What Linux sends at most in one packet.
    private const int PacketBytes = 4088;

    private readonly List<byte> _received = [];
    private bool _ended;

    public GuestChannel Channel { get; } = channel;

    /// <summary>Sends everything, waiting for space in the ring as often as it takes.</summary>
    public void Send(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int bytes = Math.Min(data.Length, PacketBytes);
            SendPacket(data[..bytes], bytes);
            data = data[bytes..];
        }
    }

    /// <summary>Says that nothing follows.</summary>
    public void EndSending() => SendPacket([], 0);

    /// <summary>Sends one packet whose header says what the caller wants it to.</summary>
    public void SendPacket(ReadOnlySpan<byte> data, int claimedBytes, uint type = 1)
    {
        var packet = new byte[SocketPacket.HeaderBytes + data.Length];
        SocketPacket.WriteHeader(packet, claimedBytes);
        BitConverter.TryWriteBytes(packet, type);
        data.CopyTo(packet.AsSpan(SocketPacket.HeaderBytes));
        RingWriter writer = Channel.Ring.Writer;
        while (writer.TryWrite(PacketType.DataInband, [], packet, 0, 0) == RingStatus.Full)
        {
            if (!writer.WaitForSpace(packet.Length)) continue;
            if (!guest.Ports.TakeInterrupt(Channel.Processor, Channel.Id, FakeGuest.Patience)) throw new TimeoutException("The host made no space.");
            writer.StopWaitingForSpace();
        }

        if (writer.Commit()) Channel.Kick();
    }

    /// <summary>The next bytes from the host, exactly so many.</summary>
    public byte[] Receive(int bytes)
    {
        while (_received.Count < bytes)
        {
            if (!ReceivePacket()) throw new InvalidOperationException($"The host ended after {_received.Count} of {bytes} bytes.");
        }

        byte[] taken = [.. _received.Take(bytes)];
        _received.RemoveRange(0, bytes);
        return taken;
    }

    /// <summary>Whether nothing but the end is left to receive.</summary>
    public bool ReceivesEnd() => _received.Count == 0 && !ReceivePacket();

    private bool ReceivePacket()
    {
        if (_ended) return false;
        ReceivedPacket packet = Channel.Receive();
        if (packet.Descriptor.Type != PacketType.DataInband || !SocketPacket.TryRead(packet.Payload, out int bytes) || bytes > SocketPacket.MaximumBytes)
            throw new InvalidOperationException("The host sent what is no socket packet.");
        _ended = bytes == 0;
        _received.AddRange(packet.Payload.AsSpan(SocketPacket.HeaderBytes, bytes));
        return !_ended;
    }
}
