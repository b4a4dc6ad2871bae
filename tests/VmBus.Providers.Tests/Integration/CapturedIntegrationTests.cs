using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Plays what real guests answered to the services again, and holds what the host says against what it said then, byte for byte.</summary>
public sealed class CapturedIntegrationTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("integration")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Negotiations_are_those_of_the_capture_and_end_as_they_did(string name)
    {
        foreach (IGrouping<string, SpecUtterance> service in SpecConversation.Load(name).Utterances.GroupBy(static packet => packet.Label))
        {
            SpecUtterance[] packets = [.. service];
            var guest = new IntegrationGuest(IntegrationServices.All.Single(candidate => candidate.Name == service.Key)) { Negotiates = false };
            guest.Open();
            AssertSame(packets[0], Assert.Single(guest.Negotiations));
            if (packets.Length == 1) continue;
            Play(packets[1], guest);
            Assert.Equal(IntegrationContact.Ready, guest.Provider.Contact);
        }
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Heartbeats_are_those_of_the_capture_and_the_guest_is_alive(string name)
    {
        SpecUtterance[] packets = [.. SpecConversation.Load(name).Utterances.Where(static packet => packet.Label == "Heartbeat")];
        var guest = new IntegrationGuest(IntegrationServices.Heartbeat) { Negotiates = false };
        var heartbeat = new HeartbeatService(guest.Provider);
        guest.Open();
        int beats = 0;
        foreach (SpecUtterance packet in packets)
        {
            if (packet.FromGuest)
            {
                Play(packet, guest);
                continue;
            }

            if (beats > 1) guest.Advance(HeartbeatService.Period);
            AssertSame(packet, beats++ == 0 ? guest.Negotiations[0] : guest.Requests[^1]);
        }

        Assert.True(heartbeat.Describe().Answered >= 3);
        Assert.Equal(HeartbeatState.Ok, heartbeat.Describe().State);
    }

    private static void AssertSame(SpecUtterance packet, GuestRequest request)
    {
        Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
        Assert.Equal(descriptor.TransactionId, request.Id);
        Assert.Equal(
            Convert.ToHexStringLower(packet.Bytes.AsSpan(descriptor.HeaderBytes, request.Packet.Length)), Convert.ToHexStringLower(request.Packet));
    }

    private static void Play(SpecUtterance packet, IntegrationGuest guest)
    {
        Assert.True(PacketDescriptor.TryRead(packet.Bytes, out PacketDescriptor descriptor));
        guest.Send(packet.Bytes[descriptor.HeaderBytes..], descriptor.TransactionId);
        guest.RunLane();
    }
}
