using System.Globalization;

namespace VmBus.Benchmarks.Guest;

/// <summary>One fio job: a fixed number of requests, so that every monitor does the same work.</summary>
/// <param name="Pattern">fio's --rw.</param>
/// <param name="BlockKilobytes">Bytes of a request, in KiB.</param>
/// <param name="Depth">Requests in flight.</param>
/// <param name="Requests">How many in all.</param>
internal sealed record FioJob(string Pattern, int BlockKilobytes, int Depth, int Requests)
{
    internal string Name => string.Create(
        CultureInfo.InvariantCulture, $"{(BlockKilobytes >= 1024 ? BlockKilobytes / 1024 + "M" : BlockKilobytes + "k")} {Pattern} depth {Depth}");

    internal string Arguments => string.Create(
        CultureInfo.InvariantCulture, $"--rw={Pattern} --bs={BlockKilobytes}k --iodepth={Depth} --number_ios={Requests}");

    /// <summary>The jobs of the measurement; a quick run does a twelfth of the requests.</summary>
    internal static FioJob[] All(bool quick)
    {
        int share = quick ? 12 : 1;
        return
        [
            new("randread", 4, 1, 6000 / share),
            new("randread", 4, 32, 12000 / share),
            new("randwrite", 4, 32, 12000 / share),
            new("read", 1024, 4, 1024 / share),
            new("write", 1024, 4, 1024 / share),
        ];
    }
}
