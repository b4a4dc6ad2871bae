using VmBus.Protocol.Channel;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Pcapng;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.SpecTables;

namespace VmBus.Conformance.Tests.Traces;

/// <summary>A captured conversation of an unmodified guest as a trace.</summary>
internal static class CapturedTrace
{
    /// <summary>Writes what was said to a file.</summary>
    /// <param name="name">The conversation.</param>
    /// <param name="path">The file.</param>
    /// <returns>The records of the file.</returns>
    public static IReadOnlyList<TraceRecord> Write(string name, string path)
    {
        var conversation = SpecConversation.Load(name);
        using FileStream file = File.Create(path);
        byte[] block = new byte[1 << 17];
        file.Write(block, 0, PcapngBlock.WriteSection(block));
        file.Write(block, 0, PcapngBlock.WriteInterface(block, TraceHeader.LinkType, block.Length, "captured"u8));
        ulong time = 1_700_000_000_000_000_000;
        var records = new List<TraceRecord>();
        foreach (SpecUtterance said in conversation.Utterances)
        {
            if (HeaderOf(name, said) is not { } header) continue;
            header.Write(block.AsSpan(PcapngBlock.PacketHeaderBytes));
            said.Bytes.CopyTo(block.AsSpan(PcapngBlock.PacketHeaderBytes + TraceHeader.Size));
            int bytes = TraceHeader.Size + said.Bytes.Length;
            int length = PcapngBlock.FinishPacket(block, 0, time += 1_000_000, bytes, bytes, !said.FromGuest, 0);
            file.Write(block, 0, length);
            records.Add(TraceRecord.Read(block.AsSpan(0, length))!);
        }

        return records;
    }

    // Null for what is no record: the memory that a packet names, and notes of the recorder.
    private static TraceHeader? HeaderOf(string name, SpecUtterance said)
    {
        TraceDirection direction = said.FromGuest ? TraceDirection.FromGuest : TraceDirection.FromHost;
        if (name.Contains("-channel", StringComparison.Ordinal))
            return new TraceHeader(TraceKind.Message, direction, 0, 0, OfferFlags.None, name.EndsWith("3.0", StringComparison.Ordinal) ? ProtocolVersion.V3_0 : ProtocolVersion.V5_3, default);
        (uint channel, Guid type) = said.Label.Split(' ') switch
        {
            ["channel", var id] => (uint.Parse(id, System.Globalization.CultureInfo.InvariantCulture), name.Contains("-storage", StringComparison.Ordinal) ? StorageInterface.Scsi : NetworkInterface.Synthetic),
            _ when IntegrationServices.All.FirstOrDefault(service => service.Name == said.Label) is { } service => (100 + (uint)service.Type, service.InterfaceType),
            _ => default,
        };
        return channel == 0 ? null : new TraceHeader(TraceKind.Packet, direction, channel, 0, OfferFlags.None, ProtocolVersion.V5_3, type);
    }
}
