using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>Rings that make no sense: the channel is rescinded, the connection goes on. Source: protocol-spec/ring.md#errors.</summary>
internal static class CorruptRingChecks
{
    public static IEnumerable<ConformanceCheck> All => RingBreaks.ById.Select(static rule => new ConformanceCheck(rule.Key, bench => Each(bench, rule.Value)));

    private static string Each(Bench bench, RingBreak[] breaks)
    {
        foreach (RingBreak one in breaks)
        {
            var device = StorageRings.Open(bench);
            _ = device.Ask("A request");
            one.Break(device);
            _ = device.Channel.Signal();
            _ = bench.Await<RescindChannelOffer>($"With {one.Name}", rescind => rescind.ChannelId == device.Channel.Id);
            bench.MustGoOn($"The rescind with {one.Name}");
        }

        return $"rescinded with {string.Join("; ", breaks.Select(static one => one.Name))}";
    }
}
