using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Network.Links;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Capture.Network;

/// <summary>A network channel that writes down what passes on its ring and its link. Used on the channel's lane.</summary>
internal sealed class RecordingNetworkChannel(INetworkChannel channel, RecordedBuffers buffers, Recording recording) : INetworkChannel
{
    private NvspMessageType _last;

    public uint Id => channel.Id;

    public int Index => channel.Index;

    public GuestMemory Memory => channel.Memory;

    /// <summary>A packet of the guest, before it is handled.</summary>
    /// <returns>What was noted.</returns>
    public object[] Received(in RingPacket packet)
    {
        object entry = recording.Add(Topic.Network, true, $"channel {channel.Id}", RingPackets.ToArray(packet));
        if (packet.Descriptor.Type == PacketType.Completion || packet.Payload.Length < sizeof(uint)) return [entry];
        _last = (NvspMessageType)ReadUInt32LittleEndian(packet.Payload);
        if (_last != NvspMessageType.SendRndisPacket || !NvspRndisPacket.TryRead(packet.Payload, out NvspRndisPacket rndis)) return [entry];
        return [entry, recording.Add(Topic.Network, true, $"data {channel.Id}", ReadMessages(packet, rndis))];
    }

    public bool ExpectsCompletions
    {
        set => channel.ExpectsCompletions = value;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        object? data = type == PacketType.DataUsingTransferPages ? recording.Add(Topic.Network, false, $"data {channel.Id}", ReadSections(header)) : null;
        object entry = recording.Add(Topic.Network, false, $"channel {channel.Id}", RingPackets.ToArray(type, header, payload, transactionId, flags));
        if (channel.TrySend(type, header, payload, transactionId, flags)) return true;
        recording.Forget(entry);
        if (data is not null) recording.Forget(data);
        return false;
    }

    public void Resume() => channel.Resume();

    public bool TrySettle(bool seal) => channel.TrySettle(seal);

    public void OfferSubchannels(int count) => channel.OfferSubchannels(count);

    public bool TryTakeBuffer(uint gpadl, IBufferHolder holder) => channel.TryTakeBuffer(gpadl, buffers.Watch(channel.Id, _last, gpadl, holder));

    public void Fail(string reason) => channel.Fail(reason);

    public ILinkQueue? OpenQueue(IFrameReceiver receiver)
    {
        var between = new RecordingLinkQueue.Receiver(receiver, channel.Id, recording);
        if (channel.OpenQueue(between) is { } queue) return new RecordingLinkQueue(queue, between, channel.Id, recording);
        between.Dispose();
        return null;
    }

    public void Post(Action work) => channel.Post(work);

    public void Closed() => channel.Closed();

    // The RNDIS messages of a packet of the guest: what is in its section, then what is in its ranges.
    private byte[] ReadMessages(in RingPacket packet, in NvspRndisPacket rndis)
    {
        int inSection = rndis.SectionIndex == NetworkInterface.NoSection ? 0 : (int)rndis.SectionBytes;
        List<(Gpa Start, int Bytes)> pieces = packet.Descriptor.Type == PacketType.DataUsingGpaDirect ? RingPackets.Pieces(packet.Header) : [];
        var data = new byte[inSection + pieces.Sum(piece => piece.Bytes)];
        long at = (long)rndis.SectionIndex * Transmitter.SectionBytes;
        if (inSection > 0 && buffers.Send?.TryRead(at, data.AsSpan(0, inSection)) != true) throw new InvalidOperationException("The guest names a section that is not there.");
        int done = inSection;
        foreach ((Gpa start, int bytes) in pieces)
        {
            if (!channel.Memory.TryRead(start, data.AsSpan(done, bytes))) throw new InvalidOperationException("The guest names memory that is not there.");
            done += bytes;
        }

        return data;
    }

    // The RNDIS messages of a packet of the host: what is in the sections that its ranges name.
    private byte[] ReadSections(ReadOnlySpan<byte> header)
    {
        const int RangeBytes = 8;
        int count = (int)ReadUInt32LittleEndian(header[4..]);
        var data = new List<byte>();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> range = header[(RangeBytes + (i * RangeBytes))..];
            var piece = new byte[ReadUInt32LittleEndian(range)];
            if (buffers.Receive?.TryRead(ReadUInt32LittleEndian(range[4..]), piece) != true) throw new InvalidOperationException("The host names memory that is not there.");
            data.AddRange(piece);
        }

        return [.. data];
    }
}
