using Microsoft.Extensions.Logging;
using VmBus.Lanes;

namespace VmBus.Host.Exports;

/// <summary>The lanes of an export: one for each processor, up to eight.</summary>
internal static class ExportLanes
{
    private const int Maximum = 8;

    public static List<Lane> Start(ExportOptions options, ILogger logger)
    {
        int count = Math.Clamp(Environment.ProcessorCount, 1, Maximum);
        return [.. Enumerable.Range(0, count).Select(i => Lane.Start($"lane-{i}", logger, new LaneOptions { PollTime = options.PollTime }))];
    }
}
