using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>What checks of the bus open.</summary>
internal static class AnyDevice
{
    /// <summary>Connects, and finds a device whose channel may be opened: a storage controller, which says nothing of itself, or the first of all.</summary>
    public static OfferChannel Find(Bench bench, ProtocolVersion? version = null, FeatureFlags features = FeatureFlags.None)
    {
        IReadOnlyList<OfferChannel> offers = bench.ConnectAndList(version, features);
        if (offers.Count == 0) throw new NotCoveredException("The host offers no device.");
        OfferChannel storage = offers.FirstOrDefault(static offer => offer.InterfaceType == StorageInterface.Scsi);
        return storage.ChannelId == 0 ? offers[0] : storage;
    }
}
