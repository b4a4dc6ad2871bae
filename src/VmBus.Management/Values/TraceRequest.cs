using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What a trace of the bus records. Channel messages are always among it.</summary>
/// <param name="Packets">Whether ring packets, signals and control words are recorded too.</param>
/// <param name="Channels">Of which channels: their numbers, or what their devices are; empty for all.</param>
/// <param name="Count">After how many records the trace ends; null for never.</param>
/// <param name="Snap">Bytes that are kept of each ring packet; null for all.</param>
/// <param name="Buffer">Bytes of memory for what the client has not read yet; null for 8 MiB.</param>
public sealed record TraceRequest(bool Packets, IReadOnlyList<string> Channels, long? Count, int? Snap, int? Buffer) : IControlValue<TraceRequest>
{
    /// <inheritdoc/>
    public static TraceRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new TraceRequest(map.Boolean("packets"), map.Texts("channels"), map.Int64OrNull("count"), map.Int32OrNull("snap"), map.Int32OrNull("buffer"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(5);
        writer.Pair("packets", Packets);
        writer.Pair("channels", Channels);
        writer.Pair("count", Count);
        writer.Pair("snap", Snap);
        writer.Pair("buffer", Buffer);
    }
}
