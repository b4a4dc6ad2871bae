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
        var bytes = new byte[descriptor.TotalBytes];
        descriptor.Write(bytes);
        packet.Header.CopyTo(bytes.AsSpan(PacketDescriptor.Size));
        packet.Payload.CopyTo(bytes.AsSpan(descriptor.HeaderBytes));
        object entry = recording.Add(Topic.Storage, true, $"channel {channel.Id}", bytes);
        if (descriptor.Type != PacketType.DataUsingGpaDirect) return entry;
        if (!ScsiRequestBlock.TryRead(packet.Payload[VstorHeader.Size..], out ScsiRequestBlock block)) return entry;
        var pieces = new List<(Gpa Start, int Bytes)>();
        ReadOnlySpan<byte> header = packet.Header;
        _ = GpaRange.TryReadCount(ref header, out uint count);
        for (; count > 0 && GpaRange.TryRead(ref header, out GpaRange range); count--) AddPieces(range, pieces);
        _buffers[descriptor.TransactionId] = (block.Direction, pieces);
        if (block.Direction == SrbDirection.Write) AddData(true, pieces, block.TransferBytes);
        return entry;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
    {
        int total = (PacketDescriptor.Size + payload.Length + PacketDescriptor.Alignment - 1) / PacketDescriptor.Alignment * PacketDescriptor.Alignment;
        var bytes = new byte[total];
        new PacketDescriptor(type, PacketDescriptor.Size, total, 0, transactionId).Write(bytes);
        payload.CopyTo(bytes.AsSpan(PacketDescriptor.Size));
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

    private static void AddPieces(in GpaRange range, List<(Gpa Start, int Bytes)> pieces)
    {
        int offset = range.Offset;
        int left = range.Bytes;
        for (int page = 0; page < range.PageCount; page++)
        {
            int step = Math.Min(left, Gpa.PageBytes - offset);
            pieces.Add((Gpa.FromPage(range.Page(page)) + (ulong)offset, step));
            left -= step;
            offset = 0;
        }
    }

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
