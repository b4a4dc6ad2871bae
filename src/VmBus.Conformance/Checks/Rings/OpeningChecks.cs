using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>The rings' rules for the bench's own guest: those of a running channel at a storage controller, and those of what there is before it is opened.</summary>
internal static class OpeningChecks
{
    // A request of the handshake with its trailer.
    private const int RequestBytes = PacketDescriptor.Size + StorageBench.PacketBytes + PacketDescriptor.TrailerBytes;
    private const uint Stale = 0x5A5A_5A58;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("RG-1", static bench => RingChecks.CompletesOnce(StorageRings.Open(bench))),
        new("RG-2", static bench => RingChecks.CompletesOnlyWhenAsked(StorageRings.Open(bench))),
        new("RG-3", static bench => RingChecks.WritesPlainCompletions(StorageRings.Open(bench))),
        new("RG-4", static bench => RingChecks.WritesSoundPackets(StorageRings.Open(bench))),
        // The smallest ring, whose length the packets do not divide.
        new("RG-5", static bench => RingChecks.Wraps(StorageRings.Open(bench, pagesPerRing: 2))),
        new("RG-6", static bench => RingChecks.WaitsForSpace(StorageRings.Open(bench, pagesPerRing: 2))),
        new("RG-7", static bench => RingChecks.AsksForSpace(StorageRings.Open(bench, pagesPerRing: 2))),
        new("RG-8", static bench => RingChecks.Signals(StorageRings.Open(bench))),
        new("RG-9", static bench => RingChecks.SignalsSpace(StorageRings.Open(bench, pagesPerRing: 2))),
        new("RG-10", LeavesClosedRings),
        new("RG-11", BeginsAnywhere),
        new("RG-12", ClearsTheMask),
        new("RG-20", IgnoresReserved),
    ];

    private static string LeavesClosedRings(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        foreach (bool outbound in new[] { true, false })
        {
            foreach (int word in new[] { RingControlPage.WriteIndex, RingControlPage.ReadIndex, RingControlPage.InterruptMask, RingControlPage.PendingSendSize })
                channel.SetWord(outbound, word, Stale);
        }

        bench.MustBeSilent("Rings that make no sense, not open");
        foreach (bool outbound in new[] { true, false })
        {
            foreach (int word in new[] { RingControlPage.WriteIndex, RingControlPage.ReadIndex, RingControlPage.InterruptMask, RingControlPage.PendingSendSize })
                Bench.Must(channel.Word(outbound, word) == Stale, $"The host has written offset {word} of a control page before OPEN_CHANNEL.");
        }

        channel.Client.Rings.Restart();
        channel.Open();
        Bench.Must(StorageBench.On(bench, channel).Begin(), "The channel does not work.");
        return "rings cleared between the GPADL and the open work";
    }

    private static string BeginsAnywhere(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench), pagesPerRing: 2);
        uint place = (uint)channel.DataBytes - PacketDescriptor.Alignment;
        foreach (bool outbound in new[] { true, false })
        {
            channel.SetWord(outbound, RingControlPage.WriteIndex, place);
            channel.SetWord(outbound, RingControlPage.ReadIndex, place);
        }

        channel.Open();
        // Packets by hand: the driver's rings begin at 0.
        byte[] packet = new byte[RequestBytes];
        new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, RequestBytes - PacketDescriptor.TrailerBytes, 1, 42).Write(packet);
        Begin().CopyTo(packet, PacketDescriptor.Size);
        channel.SetData(outbound: true, (int)place, packet.AsSpan(0, PacketDescriptor.Alignment));
        channel.SetData(outbound: true, 0, packet.AsSpan(PacketDescriptor.Alignment));
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, RequestBytes - PacketDescriptor.Alignment);
        _ = channel.Signal();
        bool answered = bench.WaitUntil(() => channel.Word(outbound: false, RingControlPage.WriteIndex) != place);
        Bench.Must(answered, "A ring that begins at its last 8 bytes is not served.");
        byte[] completion = [.. channel.Data(outbound: false, (int)place, 8), .. channel.Data(outbound: false, 0, 8)];
        bool sound = PacketDescriptor.TryRead(completion, out PacketDescriptor descriptor) && descriptor is { Type: PacketType.Completion, TransactionId: 42 };
        Bench.Must(sound, $"The answer lies elsewhere: {Convert.ToHexString(completion)}.");
        return $"both rings begun at {place} of {channel.DataBytes}";
    }

    private static string ClearsTheMask(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        channel.SetWord(outbound: true, RingControlPage.InterruptMask, 1);
        channel.Open();
        Bench.Must(bench.WaitUntil(() => channel.Word(outbound: true, RingControlPage.InterruptMask) == 0), "The interrupt mask is still set.");
        Bench.Must(StorageBench.On(bench, channel).Begin(), "The channel does not work.");
        return "0 after the open";
    }

    private static string IgnoresReserved(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        RingChecks.FillReserved(channel);
        channel.Open();
        return RingChecks.IgnoresReserved(new StorageRings(channel));
    }

    private static byte[] Begin() => StorageBench.Packet(VstorOperation.BeginInitialization);
}
