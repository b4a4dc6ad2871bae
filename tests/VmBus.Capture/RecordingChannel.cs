using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Capture;

/// <summary>A storage channel that writes down what passes. Used on the channel's lane.</summary>
internal sealed class RecordingChannel(IStorageChannel channel, Recording recording) : IStorageChannel
{
    private readonly Dictionary<ulong, (SrbDirection Direction, List<(Gpa Start, int Bytes)> Pieces)> _buffers = [];

    public uint Id => channel.Id;

    public GuestMemory Memory => channel.Memory;

    public bool ExpectsCompletions
    {
        set => channel.ExpectsCompletions = value;
    }

    /// <summary>A packet of the guest, before it is handled.</summary>
    public object Received(in RingPacket packet)
    {
        PacketDescriptor descriptor = packet.Descriptor;
        object entry = recording.Add(Topic.Storage, true, $"channel {channel.Id}", RingPackets.ToArray(packet));
        if (descriptor.Type != PacketType.DataUsingGpaDirect) return entry;
        if (!ScsiRequestBlock.TryRead(packet.Payload[VstorHeader.Size..], out ScsiRequestBlock block)) return entry;
        List<(Gpa Start, int Bytes)> pieces = RingPackets.Pieces(packet.Header);
        _buffers[descriptor.TransactionId] = (block.Direction, pieces);
        if (block.Direction == SrbDirection.Write) AddData(true, pieces, block.TransferBytes);
        return entry;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
    {
        byte[] bytes = RingPackets.ToArray(type, default, payload, transactionId, 0);
        if (_buffers.Remove(transactionId, out (SrbDirection Direction, List<(Gpa Start, int Bytes)> Pieces) buffer)
            && buffer.Direction != SrbDirection.Write)
        {
            AddData(false, buffer.Pieces, ReadUInt32LittleEndian(payload[(VstorHeader.Size + 12)..]));
        }

        object entry = recording.Add(Topic.Storage, false, $"channel {channel.Id}", bytes);
        if (channel.TrySend(type, payload, transactionId)) return true;
        recording.Forget(entry);
        return false;
    }

    public void Resume() => channel.Resume();

    public void Touch() => channel.Touch();

    public void OfferSubchannels(int count) => channel.OfferSubchannels(count);

    public void Execute(ScsiRequest request) => channel.Execute(request);

    public void ResetTarget() => channel.ResetTarget();

    public void Post(Action work) => channel.Post(work);

    public void Closed() => channel.Closed();

    private void AddData(bool fromGuest, List<(Gpa Start, int Bytes)> pieces, uint bytes)
    {
        var data = new byte[bytes];
        int done = 0;
        foreach ((Gpa start, int length) in pieces)
        {
            int step = Math.Min(length, data.Length - done);
            if (!channel.Memory.TryRead(start, data.AsSpan(done, step))) return;
            done += step;
        }

        recording.Add(Topic.Storage, fromGuest, $"data {channel.Id}", data);
    }
}
