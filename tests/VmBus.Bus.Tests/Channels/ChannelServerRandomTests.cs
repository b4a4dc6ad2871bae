using VmBus.Bus.Channels;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Channels;

/// <summary>Long random conversations, hostile and honest, against the promises that a guest's kernel relies on.</summary>
public sealed class ChannelServerRandomTests
{
    private const int Steps = 20_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void No_sequence_of_events_breaks_the_promises(int seed)
    {
        var random = new Random(seed);
        using var bus = new ServerHarness(ProtocolVersion.V6_0);
        var known = new HashSet<uint>();
        bus.OnSend = message => Check(bus, known, message);
        for (int step = 0; step < Steps; step++)
        {
            Step(bus, random, known);
            _ = bus.Take();
            bus.Sent.Clear();
        }

        // Whatever happened: when the devices stop, a new connection works.
        bus.Contact();
        while (bus.Opening.Count + bus.Closing.Count > 0) Settle(bus);
        Assert.Equal(ProtocolVersion.V5_3, bus.Server.Version);
        bus.Post(new RequestOffers());
        Assert.All(bus.Server.Capture().Channels, channel => Assert.Equal(ChannelState.Offered, channel.State));
        Assert.Empty(bus.Server.Capture().Gpadls);
    }

    private static void Check(ServerHarness bus, HashSet<uint> known, byte[] message)
    {
        uint subject = message.Length >= 12 ? ReadUInt32LittleEndian(message.AsSpan(8)) : 0;
        switch ((ClientBoundType)ReadUInt32LittleEndian(message))
        {
            case ClientBoundType.VersionResponse:
            case ClientBoundType.UnloadResponse:
                Assert.Empty(bus.Opening.Concat(bus.Closing));
                known.Clear();
                break;
            case ClientBoundType.OfferChannel:
                Assert.True(known.Add(ReadUInt32LittleEndian(message.AsSpan(184))), "An id was offered that the guest still holds.");
                break;
            case ClientBoundType.RescindChannelOffer:
                Assert.Contains(subject, known);
                Assert.DoesNotContain(subject, bus.Closing);
                Assert.DoesNotContain(subject, bus.Opening);
                break;
            case ClientBoundType.GpadlTorndown:
                // Nothing that still runs may use the memory that is given back.
                Assert.DoesNotContain(bus.Server.Capture().Gpadls, gpadl => gpadl.InUse && gpadl.Id == subject);
                break;
            default:
                break;
        }
    }

    private static bool IsServed(ServerHarness bus, uint id)
        => bus.Opening.Contains(id) || bus.Closing.Contains(id)
            || bus.Server.Capture().Channels.Any(channel => channel.Id == id && channel.State == ChannelState.Open);

    private static void Settle(ServerHarness bus)
    {
        if (bus.Opening.Count > 0) bus.Complete(bus.Opening[0], opened: true);
        if (bus.Closing.Count > 0)
        {
            uint id = bus.Closing[0];
            if (bus.Moving.Contains(id)) bus.CompleteMove(id);
            bus.CompleteClose(id);
        }
    }

    private static void Step(ServerHarness bus, Random random, HashSet<uint> known)
    {
        uint id = (uint)random.Next(1, 9);
        uint gpadl = (id * 100) + (uint)random.Next(4);
        switch (random.Next(26))
        {
            case 0: bus.Contact(ProtocolVersion.All[random.Next(ProtocolVersion.All.Count)], (FeatureFlags)random.Next(256)); break;
            case 1: if (random.Next(4) == 0) bus.Post(new Unload()); break;
            case 2 or 3: bus.Post(new RequestOffers()); break;
            case 4 or 5 or 6: bus.PostGpadl(id, gpadl, random.Next(1, 12), (ulong)random.Next(4200)); break;
            case 7 or 8 or 9: bus.PostOpen(id, gpadl, (uint)random.Next(6), (uint)random.Next(12), (ushort)random.Next(4)); break;
            case 10: bus.Post(new CloseChannel(id)); break;
            case 11: bus.Post(new GpadlTeardown(id, gpadl)); break;
            case 12:
                bool wasKnown = known.Remove(id);
                long refused = bus.Server.RefusalCount(Refusal.Paused);
                bus.Post(new RelIdReleased(id));
                // While paused nobody hears it: the guest still holds the channel.
                if (wasKnown && bus.Server.RefusalCount(Refusal.Paused) != refused) known.Add(id);
                break;
            case 13: bus.Post(new ModifyChannel(id, 1)); break;
            case 14: bus.Post(new OpenReservedChannel(id, 0, 2, gpadl, 3)); break;
            case 15: bus.Post(new CloseReservedChannel(id, 0, 2)); break;
            case 16: bus.Post(new Pause()); break;
            case 17: bus.Post(new Resume()); break;
            case 18:
                if (bus.Server.Capture().Channels.Count < 6) _ = bus.Offer();
                break;
            case 19:
                if (bus.Server.Capture().Channels.Any(channel => channel.Id == id && channel is { SubchannelIndex: 0, Removed: false }))
                    bus.Server.Remove(id);
                break;
            case 20: bus.Server.OfferSubchannels(id, random.Next(4)); break;
            case 21:
                if (IsServed(bus, id)) bus.Server.Fail(id);
                break;
            case 22:
                if (bus.Opening.Count > 0) bus.Complete(bus.Opening[random.Next(bus.Opening.Count)], random.Next(4) > 0);
                if (bus.Moving.Count > 0) bus.CompleteMove(bus.Moving[0]);
                break;
            case 23:
                if (IsServed(bus, id)) _ = bus.Server.TakeGpadl(id, gpadl);
                break;
            case 24:
                // A device releases only what it took: not the rings.
                if (IsServed(bus, id) && bus.Channel(id).RingGpadlId != gpadl) bus.Server.ReleaseGpadl(id, gpadl);
                break;
            default:
                uint? closing = bus.Closing.Count > 0 ? bus.Closing[random.Next(bus.Closing.Count)] : null;
                if (closing is not { } end) break;
                if (bus.Moving.Contains(end)) bus.CompleteMove(end);
                bus.CompleteClose(end);
                break;
        }
    }
}
