using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>One way to break the rules of a ring, at a device that has answered before.</summary>
/// <param name="Name">For the evidence, after "with".</param>
/// <param name="Break">Breaks it; a signal follows.</param>
internal sealed record RingBreak(string Name, Action<RingDevice> Break);

/// <summary>What a host takes a channel away for. Source: protocol-spec/ring.md#errors.</summary>
internal static class RingBreaks
{
    /// <summary>By the ids of the rules.</summary>
    public static IReadOnlyDictionary<string, RingBreak[]> ById { get; } = new Dictionary<string, RingBreak[]>(StringComparer.Ordinal)
    {
        ["RG-13"] = [Write("4", 4), Write("12", 12), Write("1", 1)],
        ["RG-14"] =
        [
            new("the data bytes and 8", static device => Write(device, (uint)device.Channel.DataBytes + 8)), Write("0xFFFFFFF8", 0xFFFF_FFF8), Write("0x80000000", 0x8000_0000),
        ],
        ["RG-15"] = [new("8 bytes before what was read", Backwards)],
        ["RG-16"] =
        [
            Read("a read index of 4", static _ => 4), Read("a read index of the data bytes and 8", static channel => (uint)channel.DataBytes + 8),
            Read("a read index ahead of what was published", static channel => (uint)channel.DataBytes / 2),
        ],
        ["RG-17"] = [Write("8 bytes", 8), Write("16 bytes", 16)],
        ["RG-18"] = [Packet("524280 bytes", 2, 0xFFFF), Packet("8 bytes more than there are", 2, 256 / 8)],
        ["RG-19"] = [Packet("a header of no bytes", 0, 10), Packet("a header of 8 bytes", 1, 10), Packet("a header longer than the packet", 11, 10)],
    };

    private static RingBreak Write(string name, uint index) => new(name, device => Write(device, index));

    private static void Write(RingDevice device, uint index)
    {
        // From where the ring stands, so that only the index itself is wrong.
        uint now = device.Channel.Word(outbound: true, RingControlPage.WriteIndex);
        device.Channel.SetWord(outbound: true, RingControlPage.WriteIndex, index < 64 ? now + index : index);
    }

    private static void Backwards(RingDevice device)
        => device.Channel.SetWord(outbound: true, RingControlPage.WriteIndex, device.Channel.Word(outbound: true, RingControlPage.WriteIndex) - 8);

    // The host looks at its producer's words when it has something to say, and the guest wants to be told.
    private static RingBreak Read(string name, Func<RingChannel, uint> index) => new(name, device =>
    {
        device.Channel.SetWord(outbound: false, RingControlPage.InterruptMask, 0);
        device.Channel.SetWord(outbound: false, RingControlPage.ReadIndex, index(device.Channel));
        const ulong Id = 5;
        _ = device.Channel.TryWrite(device.Request(Id, 0), Id, PacketDescriptor.CompletionRequested);
        device.Channel.Publish();
    });

    // 256 bytes are published, whatever the packet says of itself.
    private static RingBreak Packet(string name, ushort header, ushort total) => new(name, device =>
    {
        uint now = device.Channel.Word(outbound: true, RingControlPage.WriteIndex);
        byte[] packet = new byte[256];
        new PacketDescriptor(PacketType.DataInband, header * 8, total * 8, PacketDescriptor.CompletionRequested, 9).Write(packet);
        device.Channel.SetData(outbound: true, (int)now, packet);
        device.Channel.SetWord(outbound: true, RingControlPage.WriteIndex, now + 256);
    });
}
