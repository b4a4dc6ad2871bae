using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Integration;

/// <summary>Every integration packet of real guests is read, and its header is all there is before the body.</summary>
public sealed class CapturedIntegrationTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("integration")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Packet_is_read_and_written_again_byte_for_byte(string name)
    {
        foreach (SpecUtterance packet in SpecConversation.Load(name).Utterances)
        {
            (PacketDescriptor descriptor, IntegrationHeader header) = Read(packet);
            Assert.Equal((PacketType.DataInband, 0), (descriptor.Type, descriptor.Flags));
            var written = new byte[packet.Bytes.Length];
            descriptor.Write(written);
            header.Write(written.AsSpan(PacketDescriptor.Size));
            int body = PacketDescriptor.Size + IntegrationHeader.Size;
            packet.Bytes.AsSpan(body, header.BodyBytes).CopyTo(written.AsSpan(body));
            // Linux says 16 in the inner length of a negotiation's answer, whatever follows.
            if (packet.FromGuest && header.Type == IntegrationMessageType.Negotiate) (written[34], written[35]) = (16, 0);
            Assert.Equal(Convert.ToHexStringLower(packet.Bytes), Convert.ToHexStringLower(written));
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Guest_answers_each_request_in_its_place_with_its_numbers(string name)
    {
        foreach (IGrouping<string, SpecUtterance> service in SpecConversation.Load(name).Utterances.GroupBy(static packet => packet.Label))
        {
            SpecUtterance[] packets = [.. service];
            for (int i = 0; i + 1 < packets.Length; i += 2)
            {
                (PacketDescriptor requestPacket, IntegrationHeader request) = Read(packets[i]);
                (PacketDescriptor answerPacket, IntegrationHeader answer) = Read(packets[i + 1]);
                Assert.Equal((false, true), (packets[i].FromGuest, packets[i + 1].FromGuest));
                Assert.Equal((requestPacket.TransactionId, packets[i].Bytes.Length), (answerPacket.TransactionId, packets[i + 1].Bytes.Length));
                Assert.Equal((request.Type, request.Transaction, request.BodyBytes), (answer.Type, answer.Transaction, answer.BodyBytes));
                Assert.Equal((IntegrationFlags)3, request.Flags);
                Assert.Equal((IntegrationFlags)5, answer.Flags);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Linux_takes_the_versions_of_the_page(string name)
    {
        SpecTable versions = SpecPage.Load("integration.md").Table("versions");
        Dictionary<string, string> chosen = [];
        foreach (SpecUtterance packet in SpecConversation.Load(name).Utterances.Where(static packet => packet.FromGuest))
        {
            if (Read(packet).Header.Type != IntegrationMessageType.Negotiate) continue;
            Assert.True(VersionNegotiation.TryReadAnswer(packet.Bytes.AsSpan(PacketDescriptor.Size + IntegrationHeader.Size), out IntegrationVersion? framework, out IntegrationVersion? version));
            Assert.Equal(new IntegrationVersion(3, 0), framework);
            chosen[packet.Label] = version.ToString()!;
        }

        Assert.True(chosen.Count >= 4);
        for (int row = 0; row < versions.RowCount; row++)
        {
            if (chosen.TryGetValue(versions.Cell(row, "service"), out string? version)) Assert.Equal(versions.Cell(row, "linux takes"), version);
        }
    }

    [Fact]
    public void There_are_captures_of_both_kernels() => Assert.Equal(["captured-6.1-integration", "captured-6.12-integration"], SpecConversation.Names("integration"));

    private static (PacketDescriptor Descriptor, IntegrationHeader Header) Read(SpecUtterance packet)
    {
        Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
        Assert.Equal(packet.Bytes.Length, descriptor.TotalBytes);
        Assert.True(IntegrationHeader.TryRead(packet.Bytes.AsSpan(descriptor.HeaderBytes), out IntegrationHeader header));
        return (descriptor, header);
    }
}
