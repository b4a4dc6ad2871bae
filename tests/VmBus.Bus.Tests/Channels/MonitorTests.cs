using VmBus.Bus.Devices;
using VmBus.Protocol.Channel;

namespace VmBus.Bus.Tests.Channels;

/// <summary>Which channels have a bit of the guest's monitor page, and which page that is.</summary>
public sealed class MonitorTests : IDisposable
{
    private const ulong Page1 = 0x4000;
    private const ulong Page2 = 0x5000;

    private readonly ServerHarness _harness = new(ProtocolVersion.V6_0);

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void Devices_that_are_monitored_have_bits_of_their_own_as_long_as_there_are_some()
    {
        Offer(false);
        for (int i = 0; i < 130; i++) Offer(true);
        _harness.Contact();
        _harness.Post(default(RequestOffers));
        byte?[] expected = [null, .. Enumerable.Range(0, 128).Select(static id => (byte?)id), null, null];
        Assert.Equal(expected, Offers().Select(static offer => offer.MonitorId));
    }

    [Fact]
    public void Channel_starts_with_the_bit_that_it_was_offered_with()
    {
        Offer(true);
        uint id = Offer(true);
        _harness.Contact();
        _harness.Post(default(RequestOffers));
        _harness.Open(id, 100);
        Assert.Equal((byte?)1, _harness.LastStart!.MonitorId);
    }

    [Fact]
    public void Page_is_that_of_the_contact_until_the_connection_ends()
    {
        Contact(ProtocolVersion.V5_2, FeatureFlags.None);
        Assert.Equal(Page2, _harness.MonitorPage);
        _harness.Post(default(Unload));
        Assert.Equal(0ul, _harness.MonitorPage);
    }

    [Fact]
    public void Page_of_a_contact_that_is_refused_is_not_used()
    {
        _harness.Post(new InitiateContact(new ProtocolVersion(0x5_00FF), 0, 2, Page1, Page2, Guid.Empty));
        Assert.Equal(0ul, _harness.MonitorPage);
    }

    [Fact]
    public void Page_changes_with_the_connection()
    {
        Contact(ProtocolVersion.V6_0, FeatureFlags.ModifyConnection);
        _harness.Post(new ModifyConnection(Page1, Page1));
        Assert.Equal(Page1, _harness.MonitorPage);
        _harness.Post(new ModifyConnection(Page1, 0));
        Assert.Equal(Page1, _harness.MonitorPage);
        _harness.Post(new ModifyConnection(0, 0));
        Assert.Equal(0ul, _harness.MonitorPage);
    }

    private uint Offer(bool isMonitored)
        => _harness.Server.Offer(new ChannelOffer(new Guid(1, 2, 3, new byte[8]), Guid.NewGuid()) { IsMonitored = isMonitored })!.Value;

    private void Contact(ProtocolVersion version, FeatureFlags features)
        => _harness.Post(new InitiateContact(version, 0, 2 | ((ulong)features << 32), Page1, Page2, Guid.Empty));

    private IEnumerable<OfferChannel> Offers()
    {
        foreach (byte[] message in _harness.Sent)
        {
            if (message[0] == (byte)ClientBoundType.OfferChannel && OfferChannel.TryRead(message, out OfferChannel offer)) yield return offer;
        }
    }
}
