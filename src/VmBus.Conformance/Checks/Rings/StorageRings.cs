using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>A storage controller, whose handshake may be begun at any time.</summary>
internal sealed class StorageRings(BenchChannel channel) : RingDevice(channel)
{
    public override int LongestRequest => StorageBench.PacketBytes;

    /// <summary>Connects and opens the controller's channel.</summary>
    public static StorageRings Open(Bench bench, int pagesPerRing = 5) => new(StorageBench.Open(bench, pagesPerRing: pagesPerRing).Channel);

    public override byte[] Request(ulong id, int bytes) => StorageBench.Packet(VstorOperation.BeginInitialization);

    public override void MustAnswer(ReceivedPacket packet, byte[] request)
    {
        VstorHeader header = StorageBench.Read(packet).Header;
        Bench.Must(header is { Operation: VstorOperation.CompleteIo, Status: StorageStatus.Success }, $"Request {packet.Descriptor.TransactionId:x} was answered with {header}.");
    }
}
