using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Protocol.Tests.Channel;

/// <summary>The one table of messages: it is what the page says, and nothing that it does not allow comes through it.</summary>
public sealed class MessageTableTests
{
    private static readonly SpecPage Page = SpecPage.Load("channel.md"), Messages = SpecPage.Load("channel-messages.md");

    [Fact]
    public void Table_is_what_the_page_says()
    {
        SpecTable page = Messages.Table("messages");
        Assert.Equal(page.RowCount, MessageTable.Rows.Count);
        for (int i = 0; i < page.RowCount; i++)
        {
            MessageRow row = MessageTable.Rows[i];
            Assert.Equal((page.Number(i, "number"), page.Cell(i, "name")), ((ulong)row.Number, row.Name));
            Assert.Equal(page.Cell(i, "direction"), row.Direction == MessageDirection.ServerBound ? "server" : "client");
            Assert.Equal((int)page.Number(i, "size"), row.Size);
            Assert.Equal(page.Cell(i, "version"), row.MinimumVersion.ToString());
            ulong features = SpecTable.TryNumber(page.Cell(i, "features"), out ulong value) ? value : 0;
            Assert.Equal(features, (ulong)row.Features);
            Assert.Equal(page.Cell(i, "variant"), !row.Variant ? "" : row.ChosenByLength ? "length" : "negotiated");
        }
    }

    [Fact]
    public void Directions_are_the_enumerations()
    {
        uint[] server = [.. MessageTable.Rows.Where(row => row.Direction == MessageDirection.ServerBound).Select(row => row.Number).Distinct()];
        uint[] client = [.. MessageTable.Rows.Where(row => row.Direction == MessageDirection.ClientBound).Select(row => row.Number).Distinct()];
        Assert.Equal(server, Enum.GetValues<ServerBoundType>().Select(type => (uint)type));
        Assert.Equal(client, Enum.GetValues<ClientBoundType>().Select(type => (uint)type));
    }

    [Fact]
    public void Versions_features_and_statuses_are_what_the_page_says()
    {
        SpecTable versions = Page.Table("versions");
        Assert.Equal(versions.RowCount, ProtocolVersion.All.Count);
        for (int i = 0; i < versions.RowCount; i++)
        {
            ProtocolVersion version = ProtocolVersion.All[i];
            Assert.Equal(versions.Number(i, "value"), version.Value);
            Assert.Equal(versions.Cell(i, "version"), version.ToString());
            Assert.Equal(versions.Cell(i, "served"), version.IsServed ? "yes" : "no");
        }

        SpecTable features = Page.Table("features");
        for (int i = 0; i < features.RowCount; i++)
        {
            bool granted = ((ulong)FeatureFlags.Served & features.Number(i, "value")) != 0;
            Assert.Equal(granted, features.Cell(i, "granted").StartsWith("yes", StringComparison.Ordinal));
        }

        // The sum of those that are granted is the only member that is no flag of its own.
        Assert.Contains(nameof(FeatureFlags.Served), Assert.Single(Page.Numbers("features").DifferencesFrom<FeatureFlags>()), StringComparison.Ordinal);
        Assert.Empty(Messages.Numbers("offer-flags").DifferencesFrom<OfferFlags>());
        Assert.Empty(Messages.Numbers("status").DifferencesFrom<NtStatus>());
    }

    [Fact]
    public void Number_of_the_host_is_never_accepted_from_a_guest()
    {
        foreach (ProtocolVersion version in ProtocolVersion.All)
        {
            foreach (ClientBoundType type in Enum.GetValues<ClientBoundType>())
            {
                Assert.Equal(MessageVerdict.HostOnly, MessageTable.Classify(Message((uint)type, 240), version, (FeatureFlags)0xFF, out _));
                Assert.Equal(MessageVerdict.HostOnly, MessageTable.Classify(Message((uint)type, 8), null, FeatureFlags.None, out _));
            }
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(30u)]
    [InlineData(0x80000000u)]
    [InlineData(uint.MaxValue)]
    public void Unknown_number_is_refused(uint number)
        => Assert.Equal(MessageVerdict.UnknownNumber, MessageTable.Classify(Message(number, 240), ProtocolVersion.V6_0, (FeatureFlags)0xFF, out _));

    [Fact]
    public void Every_length_of_every_message_is_judged_by_its_row()
    {
        foreach (MessageRow row in MessageTable.Rows.Where(row => row.Direction == MessageDirection.ServerBound && !row.Variant))
        {
            for (int length = 0; length <= 241; length++)
            {
                MessageVerdict verdict = MessageTable.Classify(
                    Message(row.Number, length),
                    ProtocolVersion.V6_0,
                    FeatureFlags.ModifyConnection | FeatureFlags.PauseResume,
                    out ServerBoundType type);
                bool fits = length >= row.Size && length <= 240;
                Assert.Equal(fits ? MessageVerdict.Ok : MessageVerdict.BadLength, verdict);
                Assert.Equal(fits ? (ServerBoundType)row.Number : default, type);
            }
        }
    }

    [Fact]
    public void Longer_open_is_demanded_only_with_its_feature()
    {
        byte[] plain = Message(5, OpenChannelRequest.Size);
        byte[] longer = Message(5, OpenChannelRequest.ExtendedSize);
        const FeatureFlags Signals = FeatureFlags.GuestSpecifiedSignalParameters;
        Assert.Equal(MessageVerdict.Ok, MessageTable.Classify(plain, ProtocolVersion.V6_0, FeatureFlags.None, out _));
        Assert.Equal(MessageVerdict.BadLength, MessageTable.Classify(plain, ProtocolVersion.V6_0, Signals, out _));
        Assert.Equal(MessageVerdict.Ok, MessageTable.Classify(longer, ProtocolVersion.V6_0, Signals, out _));
    }

    [Fact]
    public void Messages_exist_from_their_version_and_with_their_features_only()
    {
        foreach (MessageRow row in MessageTable.Rows.Where(
            row => row is { Direction: MessageDirection.ServerBound, Variant: false, NeedsConnection: true }))
        {
            byte[] message = Message(row.Number, 240);
            Assert.Equal(MessageVerdict.NotConnected, MessageTable.Classify(message, null, FeatureFlags.None, out _));
            foreach (ProtocolVersion version in ProtocolVersion.All)
            {
                MessageVerdict expected = version >= row.MinimumVersion ? MessageVerdict.Ok : MessageVerdict.NotNegotiated;
                Assert.Equal(expected, MessageTable.Classify(message, version, (FeatureFlags)0xFF, out _));
                if (row.Features == FeatureFlags.None) continue;
                Assert.Equal(MessageVerdict.NotNegotiated, MessageTable.Classify(message, version, (FeatureFlags)0xFF & ~row.Features, out _));
            }
        }
    }

    [Fact]
    public void Client_bound_messages_fit_a_message_slot()
        => Assert.All(MessageTable.Rows, row => Assert.InRange(row.Size, MessageTable.HeaderBytes, SyntheticInterrupts.MaximumMessageBytes));

    private static byte[] Message(uint number, int length)
    {
        var message = new byte[Math.Max(4, length)];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(message, number);
        return message[..length];
    }
}
