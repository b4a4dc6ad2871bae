using VmBus.Conformance.Guests;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Rules;
using VmBus.Fuzz.Engine;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Pcapng;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Traces of the bus as <c>vmbus conformance --guest --trace FILE</c> reads them: records of any bytes, and files cut anywhere. Each rule gets a line.</summary>
internal sealed class TraceTarget : IFuzzTarget
{
    private const int RecordBytes = 512;
    private const int MostRecords = 48;
    private static readonly string[] Rules = [.. RuleBook.All.Where(static rule => rule.Of == RuleParty.Guest).Select(static rule => rule.Id)];
    private static readonly Guid[] Interfaces =
        [StorageInterface.Scsi, NetworkInterface.Synthetic, IntegrationServices.Heartbeat.InterfaceType, IntegrationServices.KeyValueExchange.InterfaceType, new(1, 2, 3, new byte[8])];

    private readonly byte[] _file = new byte[MostRecords * (RecordBytes + PcapngBlock.PacketOverheadBytes + TraceHeader.Size)];

    public string Name => "trace";

    public string What => "traces of the bus and the rules of a guest";

    public IEnumerable<byte[]> Seeds =>
    [
        // Contact and its answer, offers, a GPADL, an open; rings, packets, signals; a close.
        [0, 1, 1, 14, 0, 0, 1, 2, 15, 0, 0, 1, 1, 3, 0, 0, 1, 2, 1, 0, 0, 1, 1, 8, 0, 0, 5, 1, 0, 1, 2, 1, 0, 0, 2, 2, 0, 0, 4, 1, 0, 0, 5, 4, 0, 0],
        [7, 5, 1, 0, 0, 2, 1, 0, 0, 2, 2, 0, 0, 2, 1, 0, 0, 5, 2, 0, 0, 4, 2, 0, 0],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        // A few rules each time: all of them cost as much as many inputs.
        byte which = steps.Byte();
        string one = Rules[which % Rules.Length], two = Rules[(which * 7) % Rules.Length];
        int length = 0;
        for (int i = 0; i < MostRecords && !steps.IsEmpty; i++) length += Record(ref steps, _file.AsSpan(length), (ulong)i * 1000);
        if ((which & 64) != 0) steps.Change(_file.AsSpan(0, length));
        if (which > 0xF8) length -= Math.Min(length, steps.Byte());
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(_file.AsSpan(0, length), out _);
        Must(records.Count <= length / PcapngReader.LeastBlockBytes, "More records than there is room for.");
        ConformanceReport report = GuestRun.Check(records, isWhole: true, "guest", id => which == 0 ? Array.IndexOf(Rules, id) >= 0 : id == one || id == two);
        foreach (RuleResult result in report.Results) Must(result.Evidence.Length > 0 && !result.Evidence.Contains('\n', StringComparison.Ordinal), $"{result.Rule.Id} has no line.");
    }

    public void Dispose()
    {
    }

    private static int Record(ref FuzzInput input, Span<byte> block, ulong time)
    {
        Span<byte> record = block.Slice(PcapngBlock.PacketHeaderBytes, TraceHeader.Size + RecordBytes);
        record.Clear();
        var kind = (TraceKind)(input.Byte() % 7);
        byte choice = input.Byte();
        uint channel = (uint)(input.Byte() & 3);
        var header = new TraceHeader(
            kind, (TraceDirection)(1 + (choice & 1)), channel, (ushort)(channel >> 1), (OfferFlags)(choice >> 6), ProtocolVersion.V5_2, Interfaces[(int)channel % Interfaces.Length]);
        header.Write(record);
        Span<byte> body = record[TraceHeader.Size..];
        int bytes = kind switch
        {
            TraceKind.Message => Message(ref input, body, channel),
            TraceKind.Packet => Packet(ref input, body),
            TraceKind.Channel => TracedChannel.Size,
            TraceKind.Rings => Rings(ref input, body, choice),
            _ => 0,
        };
        input.Change(record[..(TraceHeader.Size + bytes)]);
        if ((input.Byte() & 15) == 15) bytes = Math.Min(bytes, (int)input.Byte());
        return PcapngBlock.FinishPacket(block, 0, time, TraceHeader.Size + bytes, TraceHeader.Size + bytes, (choice & 1) != 0, 0);
    }

    private static int Message(ref FuzzInput input, Span<byte> body, uint channel)
    {
        WriteUInt32LittleEndian(body, (uint)(input.Byte() % 30));
        WriteUInt32LittleEndian(body[8..], channel);
        WriteUInt32LittleEndian(body[12..], (uint)(input.Byte() & 7));
        input.Bytes(input.Byte() & 63).CopyTo(body[16..]);
        return SyntheticInterrupts.MaximumMessageBytes;
    }

    private static int Packet(ref FuzzInput input, Span<byte> body)
    {
        int payload = (input.Byte() & 31) * 8;
        new PacketDescriptor((PacketType)input.Below(16), PacketDescriptor.Size, PacketDescriptor.Size + payload, (ushort)(input.Byte() & 1), (ulong)(input.Byte() & 7)).Write(body);
        input.Bytes(input.Byte() & 127).CopyTo(body[PacketDescriptor.Size..]);
        return PacketDescriptor.Size + payload;
    }

    private static int Rings(ref FuzzInput input, Span<byte> body, byte choice)
    {
        var words = new TracedWords((uint)(input.Byte() * 8), (uint)(input.Byte() * 8), (uint)(choice & 1), 0, 1);
        new TracedRings((RingMoment)(1 + (choice % 5)), 4096, 4096, words, words, words.ReadIndex, words.WriteIndex, 0).Write(body);
        return TracedRings.Size;
    }
}
