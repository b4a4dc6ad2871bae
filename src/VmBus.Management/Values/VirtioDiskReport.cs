using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What a virtio disk has done since the partition was started.</summary>
/// <param name="Id">Its name in the partition.</param>
/// <param name="Timed">Requests that have ended.</param>
/// <param name="TimedUs">The sum of their times, from taken to ended.</param>
/// <param name="Failed">Those that ended with an error.</param>
/// <param name="BytesIn">Bytes of data from the guest: written.</param>
/// <param name="BytesOut">Bytes of data to the guest: read.</param>
public sealed record VirtioDiskReport(string Id, long Timed, long TimedUs, long Failed, long BytesIn, long BytesOut) : IControlValue<VirtioDiskReport>
{
    /// <inheritdoc/>
    public static VirtioDiskReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new VirtioDiskReport(
            map.Text("id"), map.Int64("timed"), map.Int64("timed_us"), map.Int64("failed"), map.Int64("bytes_in"), map.Int64("bytes_out"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(6);
        writer.Pair("id", Id);
        writer.Pair("timed", Timed);
        writer.Pair("timed_us", TimedUs);
        writer.Pair("failed", Failed);
        writer.Pair("bytes_in", BytesIn);
        writer.Pair("bytes_out", BytesOut);
    }
}
