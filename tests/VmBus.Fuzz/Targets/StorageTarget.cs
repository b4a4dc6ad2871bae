using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Providers.Tests.Storage;
using VmBus.Storage.Scsi;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The storage controller: packets of any bytes on the primary and a sub-channel. Each request that is taken is answered once, and no channel is closed.</summary>
internal sealed class StorageTarget : IFuzzTarget
{
    private const int QueueDepth = 4;
    private static readonly ScsiStatus[] Statuses = Enum.GetValues<ScsiStatus>();

    private readonly GuestMemory _memory = GuestMemory.Create(4 << 20);
    private readonly ScsiTarget _target = new();
    private readonly StorageProvider _provider;
    private readonly HashSet<ulong> _owed = [];
    private uint _nextChannel = 1;

    public StorageTarget()
        => _provider = new StorageProvider(_target, new Guid(7, 0, 0, new byte[8]), new StorageOptions { QueueDepth = QueueDepth, MaximumSubchannels = 2 }, NullLogger.Instance);

    public string Name => "storage";

    public string What => "packets and requests of the storage controller";

    public IEnumerable<byte[]> Seeds =>
    [
        // The handshake, then a read, its end, a reset.
        [2, 7, 0, 2, 9, 6, 2, 10, 0, 2, 8, 0, 3, 40, 0, 1, 1, 16, 4, 0, 2, 6, 0, 5, 0],
        [2, 7, 0, 2, 9, 6, 2, 8, 0, 3, 18, 0, 1, 0, 96, 3, 255, 0, 4, 1, 4, 1],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        _owed.Clear();
        ScriptedChannel[] channels = [new ScriptedChannel(_nextChannel++, _memory), new ScriptedChannel(_nextChannel++, _memory)];
        StorageEndpoint[] endpoints = [_provider.Open(channels[0], true)!, _provider.Open(channels[1], false)!];
        ulong id = 1;
        while (!steps.IsEmpty)
        {
            byte choice = steps.Byte();
            int which = choice >> 7;
            switch ((choice & 127) % 8)
            {
                case 0:
                    Deliver(endpoints[which], steps.Block(200), id++, (PacketType)steps.Below(16), steps.Block(64));
                    break;
                case 1 or 2:
                    Deliver(endpoints[which], StorageRequestOf(ref steps), id++, PacketType.DataInband, []);
                    break;
                case 3:
                    Deliver(endpoints[which], Command(ref steps, out byte[] ranges), id++, PacketType.DataUsingGpaDirect, ranges);
                    break;
                case 4:
                    End(channels[which], ref steps);
                    break;
                case 5:
                    channels[which].RunPosted();
                    break;
                case 6:
                    channels[which].Room = steps.Byte() & 7;
                    endpoints[which].EndBatch();
                    break;
                default:
                    _target.RefreshGeometry();
                    break;
            }

            Must(channels.Sum(static channel => channel.Running.Count) <= 2 * QueueDepth, "More commands run than the queue is deep.");
        }

        Finish(endpoints, channels);
    }

    public void Dispose() => _memory.Dispose();

    private void Deliver(StorageEndpoint endpoint, byte[] payload, ulong id, PacketType type, byte[] ranges)
    {
        Array.Resize(ref ranges, ranges.Length & ~7);
        Array.Resize(ref payload, (payload.Length + 7) & ~7);
        int header = PacketDescriptor.Size + ranges.Length;
        PacketVerdict verdict = endpoint.Receive(new RingPacket(new PacketDescriptor(type, header, header + payload.Length, PacketDescriptor.CompletionRequested, id), ranges, payload));
        endpoint.EndBatch();
        if (verdict == PacketVerdict.Taken && type != PacketType.Completion) _ = _owed.Add(id);
        Must(verdict != PacketVerdict.Violation, "A packet closes the controller.");
    }

    private static byte[] StorageRequestOf(ref FuzzInput input)
    {
        byte[] packet = new byte[64];
        new VstorHeader((VstorOperation)input.Byte(), 1, 0).Write(packet);
        // Versions have a byte each for major and minor.
        packet[12] = input.Byte() is var argument && argument == 6 ? (byte)2 : argument;
        packet[13] = argument == 6 ? (byte)6 : (byte)0;
        input.Change(packet);
        return packet;
    }

    private static byte[] Command(ref FuzzInput input, out byte[] ranges)
    {
        byte[] packet = new byte[64];
        new VstorHeader(VstorOperation.ExecuteSrb, 1, 0).Write(packet);
        byte operation = input.Byte();
        uint bytes = input.Number() * 512;
        new ScsiRequestBlock(SrbStatus.Pending, 0, 0, 0, 0, (byte)(input.Byte() & 1), 10, 20, (SrbDirection)(input.Byte() % 4), bytes).Write(packet.AsSpan(VstorHeader.Size));
        packet[VstorHeader.Size + ScsiRequestBlock.CdbOffset] = operation;
        int pages = input.Below(20);
        ranges = new byte[16 + (8 * pages)];
        ranges[4] = 1;
        BitConverter.TryWriteBytes(ranges.AsSpan(8), (uint)pages * Gpa.PageBytes);
        for (int i = 0; i < pages; i++) BitConverter.TryWriteBytes(ranges.AsSpan(16 + (8 * i)), 16ul + (ulong)i);
        input.Change(ranges);
        input.Change(packet.AsSpan(VstorHeader.Size));
        return packet;
    }

    private static void End(ScriptedChannel channel, ref FuzzInput input)
    {
        if (channel.Running.Count == 0) return;
        ScsiRequest command = channel.Running[input.Below(channel.Running.Count)];
        Must(command.Data.Bytes <= StorageOptions.MaximumTransferLimitBytes, "A transfer above the limit was begun.");
        command.Status = Statuses[input.Below(Statuses.Length)];
        command.Transferred = Math.Min(input.Number(), command.Data.Bytes);
        channel.End(command);
    }

    private void Finish(StorageEndpoint[] endpoints, ScriptedChannel[] channels)
    {
        foreach (ScriptedChannel channel in channels) channel.Room = int.MaxValue;
        for (int round = 0; round < 4; round++)
        {
            foreach (ScriptedChannel channel in channels)
            {
                while (channel.Running.Count > 0) channel.EndOldest();
                channel.RunPosted();
            }

            foreach (StorageEndpoint endpoint in endpoints) endpoint.EndBatch();
        }

        // As drivers do: sub-channels first.
        endpoints[1].Close();
        endpoints[0].Close();
        for (int round = 0; round < 2; round++)
        {
            foreach (ScriptedChannel channel in channels) channel.RunPosted();
        }

        ulong[] answered = [.. channels.SelectMany(static channel => channel.Sent).Where(static packet => packet.Type == PacketType.Completion).Select(static packet => packet.TransactionId)];
        Must(answered.Length == answered.Distinct().Count(), "A request was answered twice.");
        Must(_owed.SetEquals(answered), $"{_owed.Count} requests were taken, {answered.Length} answered.");
        foreach (ScriptedChannel channel in channels) Must(channel.IsClosed, "A channel that is closed does not end.");
    }
}
