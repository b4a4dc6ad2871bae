using System.Globalization;
using VmBus.Bus.Devices;
using VmBus.Protocol.Channel;
using VmBus.TestKit.SpecTables;

namespace VmBus.Bus.Tests.Channels;

/// <summary>
/// Plays what real guests posted to the state machine again, and holds its answers against those of the capture. No field is masked: the state
/// machine has no clock and no chance, and its device and memory are those of the capture.
/// </summary>
public sealed class CapturedConversationTests
{
    public static TheoryData<string> Conversations => [.. SpecConversation.Names("channel")];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Host_answers_the_guest_of_the_capture_as_it_did_then(string name)
    {
        SpecConversation conversation = SpecConversation.Load(name);
        using var harness = new ServerHarness(VersionOf(conversation), ulong.Parse(conversation.Head["memory"], CultureInfo.InvariantCulture));
        OfferChannel device = Offers(conversation).First();
        harness.Server.Offer(new ChannelOffer(device.InterfaceType, device.InterfaceInstance));

        int answered = 0;
        foreach (SpecUtterance message in conversation.Utterances)
        {
            if (message.FromGuest)
            {
                harness.Server.Receive(message.Bytes);
                EndWhatBegan(harness);
                continue;
            }

            // What no message asked for is a sub-channel, which the guest asks for in the ring.
            if (answered == harness.Sent.Count)
            {
                Assert.True(OfferChannel.TryRead(message.Bytes, out OfferChannel offer));
                harness.Server.OfferSubchannels(device.ChannelId, offer.SubchannelIndex);
                Assert.True(answered < harness.Sent.Count, $"The host sends no {message.Label}.");
            }

            Assert.Equal(Convert.ToHexStringLower(message.Bytes), Convert.ToHexStringLower(harness.Sent[answered++]));
        }

        Assert.Equal(answered, harness.Sent.Count);
        Assert.DoesNotContain("refused", harness.Take(), StringComparison.Ordinal);
    }

    // Lanes and devices of the capture were quick; here they are at once.
    private static void EndWhatBegan(ServerHarness harness)
    {
        while (harness.Opening.Count + harness.Closing.Count + harness.Moving.Count > 0)
        {
            foreach (uint id in harness.Opening.ToList()) harness.Complete(id, opened: true);
            foreach (uint id in harness.Moving.ToList()) harness.CompleteMove(id);
            foreach (uint id in harness.Closing.ToList()) harness.CompleteClose(id);
        }
    }

    private static IEnumerable<OfferChannel> Offers(SpecConversation conversation)
    {
        foreach (SpecUtterance message in conversation.Utterances.Where(message => message.Label == "OFFER_CHANNEL"))
        {
            Assert.True(OfferChannel.TryRead(message.Bytes, out OfferChannel offer));
            yield return offer;
        }
    }

    private static ProtocolVersion VersionOf(SpecConversation conversation)
    {
        string[] parts = conversation.Head["vmbus"].Split('.');
        return new ProtocolVersion((uint.Parse(parts[0], CultureInfo.InvariantCulture) << 16) | uint.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
