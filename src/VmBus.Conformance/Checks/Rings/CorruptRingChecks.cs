using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>Rings that make no sense: the channel is rescinded, the connection goes on. Source: protocol-spec/ring.md#errors.</summary>
internal static class CorruptRingChecks
{
    public static IEnumerable<ConformanceCheck> All =>
    [
        new("RG-13", static bench => Each(bench, [("4", static c => Write(c, 4)), ("12", static c => Write(c, 12)), ("1", static c => Write(c, 1))])),
        new("RG-14", static bench => Each(bench,
        [
            ("the data bytes and 8", static c => Write(c, (uint)c.DataBytes + 8)), ("0xFFFFFFF8", static c => Write(c, 0xFFFF_FFF8)),
            ("0x80000000", static c => Write(c, 0x8000_0000)),
        ])),
        new("RG-15", static bench => Each(bench, [("8 bytes before what was read", Backwards)])),
        new("RG-16", static bench => Each(bench,
        [
            ("a read index of 4", static c => Read(c, 4)), ("a read index of the data bytes and 8", static c => Read(c, (uint)c.DataBytes + 8)),
            ("a read index ahead of what was published", static c => Read(c, 2048)),
        ])),
        new("RG-17", static bench => Each(bench, [("8 bytes", static c => Write(c, 8)), ("16 bytes", static c => Write(c, 16))])),
        new("RG-18", static bench => Each(bench,
        [
            ("524280 bytes", static c => Packet(c, 2, 0xFFFF)), ("8 bytes more than there are", static c => Packet(c, 2, 256 / 8)),
        ])),
        new("RG-19", static bench => Each(bench,
        [
            ("a header of no bytes", static c => Packet(c, 0, 10)), ("a header of 8 bytes", static c => Packet(c, 1, 10)),
            ("a header longer than the packet", static c => Packet(c, 11, 10)),
        ])),
    ];

    private static string Each(Bench bench, (string Name, Action<BenchChannel> Break)[] cases)
    {
        foreach ((string name, Action<BenchChannel> breaks) in cases)
        {
            var storage = StorageBench.Open(bench);
            Bench.Must(storage.Begin(), "The channel does not work.");
            breaks(storage.Channel);
            _ = storage.Channel.Client.Signal();
            _ = bench.Await<RescindChannelOffer>($"With {name}", rescind => rescind.ChannelId == storage.Channel.Id);
            bench.MustGoOn($"The rescind with {name}");
        }

        return $"rescinded with {string.Join("; ", cases.Select(static c => c.Name))}";
    }

    private static void Write(BenchChannel channel, uint index)
    {
        // From where the ring stands, so that only the index itself is wrong.
        uint now = channel.Word(outbound: true, RingControlPage.WriteIndex);
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, index < 64 ? now + index : index);
    }

    private static void Backwards(BenchChannel channel)
        => channel.SetWord(outbound: true, RingControlPage.WriteIndex, channel.Word(outbound: true, RingControlPage.WriteIndex) - 8);

    // The host looks at its producer's words when it has something to say, and the guest wants to be told.
    private static void Read(BenchChannel channel, uint index)
    {
        channel.SetWord(outbound: false, RingControlPage.InterruptMask, 0);
        channel.SetWord(outbound: false, RingControlPage.ReadIndex, index);
        _ = channel.Client.TrySend(PacketType.DataInband, [], StorageBench.Packet(VstorOperation.BeginInitialization), 5, PacketDescriptor.CompletionRequested);
        channel.Client.Flush();
    }

    // 256 bytes are published, whatever the packet says of itself.
    private static void Packet(BenchChannel channel, ushort header, ushort total)
    {
        uint now = channel.Word(outbound: true, RingControlPage.WriteIndex);
        byte[] packet = new byte[256];
        new PacketDescriptor(PacketType.DataInband, header * 8, total * 8, PacketDescriptor.CompletionRequested, 9).Write(packet);
        channel.SetData(outbound: true, (int)now, packet);
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, now + 256);
    }
}
