using VmBus.Protocol.Pcapng;

namespace VmBus.Protocol.Tracing;

/// <summary>A record of a trace.</summary>
/// <param name="Nanoseconds">When: since 1970, UTC.</param>
/// <param name="Header">What it is.</param>
/// <param name="Body">What follows the header, as far as it was kept.</param>
/// <param name="OriginalBytes">Bytes of the body before it was cut.</param>
/// <param name="Lost">Records right before it that are not there.</param>
public sealed record TraceRecord(ulong Nanoseconds, TraceHeader Header, ReadOnlyMemory<byte> Body, int OriginalBytes, long Lost)
{
    /// <summary>Copies a record out of the block of a pcapng file.</summary>
    /// <returns>Null when the block is no packet, or the packet no record. Never throws.</returns>
    public static TraceRecord? Read(ReadOnlySpan<byte> block)
    {
        if (!PcapngReader.TryReadPacket(block, out PcapngPacket packet) || !TraceHeader.TryRead(packet.Bytes, out TraceHeader header)) return null;
        return new TraceRecord(
            packet.Nanoseconds, header, packet.Bytes[TraceHeader.Size..].ToArray(), packet.OriginalBytes - TraceHeader.Size, (long)Math.Min(packet.Lost, long.MaxValue));
    }

    /// <summary>Copies all records out of a file, or of its beginning.</summary>
    /// <param name="file">The file.</param>
    /// <param name="lost">How many it says are lost in all; null when it does not say, because it was cut off.</param>
    public static IReadOnlyList<TraceRecord> ReadAll(ReadOnlySpan<byte> file, out long? lost)
    {
        var records = new List<TraceRecord>();
        lost = null;
        while (PcapngReader.TryReadHead(file, file.Length, out _, out int bytes))
        {
            ReadOnlySpan<byte> block = file[..bytes];
            if (Read(block) is { } record) records.Add(record);
            else if (PcapngReader.TryReadLost(block, out ulong count)) lost = (long)count;
            file = file[bytes..];
        }

        return records;
    }
}
