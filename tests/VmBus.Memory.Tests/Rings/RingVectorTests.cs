using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Rings;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Memory.Tests.Rings;

/// <summary>Whole packets of protocol-spec/vectors lie in the ring byte for byte, in both directions, also across its end.</summary>
public sealed class RingVectorTests
{
    public static TheoryData<string, uint> Vectors
    {
        get
        {
            var data = new TheoryData<string, uint>();
            string folder = Path.Combine(Repository.Root, "protocol-spec", "vectors");
            foreach (string file in Directory.GetFiles(folder, "ring-*.hex").Order(StringComparer.Ordinal))
            {
                foreach (uint start in new uint[] { 0, 1024, 4096 - 8, 4096 - 48 }) data.Add(Path.GetFileNameWithoutExtension(file), start);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Writer_lays_the_vector_down(string vector, uint start)
    {
        byte[] expected = SpecVector.Load(vector);
        using var pair = new RingPair(beforeHost: RingPair.StartAt(start));
        Assert.True(PacketDescriptor.TryRead(expected, out PacketDescriptor descriptor));
        Assert.Equal(RingStatus.Ok, pair.Writer.TryWrite(
            descriptor.Type,
            expected.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size),
            expected.AsSpan(descriptor.HeaderBytes),
            descriptor.TransactionId,
            descriptor.Flags));
        pair.Writer.Commit();

        byte[] trailer = pair.Guest.PeekInboundData((int)((start + (uint)expected.Length) % 4096), PacketDescriptor.TrailerBytes);
        SpecLayout layout = SpecPage.Load("ring.md").Layout("trailer");
        Assert.Equal(expected, pair.Guest.PeekInboundData((int)start, expected.Length));
        Assert.Equal(start, layout.Read(trailer, "packet start"));
        Assert.Equal(0u, layout.Read(trailer, "reserved"));
        Assert.Equal((start + (uint)expected.Length + PacketDescriptor.TrailerBytes) % 4096, pair.Inbound.WriteIndex);
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Reader_takes_the_vector_up(string vector, uint start)
    {
        byte[] bytes = SpecVector.Load(vector);
        using var pair = new RingPair(maximumPacketBytes: bytes.Length, beforeHost: RingPair.StartAt(start));
        pair.Guest.PokeOutboundData((int)start, bytes);
        pair.Guest.PokeOutbound(RingControlPage.WriteIndex, (start + (uint)bytes.Length + PacketDescriptor.TrailerBytes) % 4096);

        Assert.Equal(RingStatus.Ok, pair.Read(out ReceivedPacket? packet));
        var descriptor = new byte[PacketDescriptor.Size];
        packet!.Descriptor.Write(descriptor);
        Assert.Equal(bytes, descriptor.Concat(packet.Header).Concat(packet.Payload));
        Assert.Equal(RingStatus.Empty, pair.Read(out _));
    }
}
