using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Sockets;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of sockets.md.</summary>
internal static class GuestSocketChecks
{
    // Linux works through its offers one after the other.
    private const ulong AtOnce = 2_000_000_000;
    private const int FromHostOffset = 4;

    public static IEnumerable<GuestCheck> All => [new("SK-7", Opens), new("SK-8", Ends)];

    // Who asks knows whether a program listens: an offer that is never opened was of a service that nobody has.
    private static string Opens(GuestTrace trace)
    {
        var offered = new Dictionary<uint, ulong>();
        int opened = 0, left = 0;
        ulong slowest = 0;
        foreach (TracedMessage message in trace.Messages)
        {
            switch (message.FromGuest, message.Number)
            {
                case (false, (uint)ClientBoundType.OfferChannel) when OfferChannel.TryRead(message.Bytes.Span, out OfferChannel offer) && IsFromHost(offer):
                    offered[offer.ChannelId] = message.Nanoseconds;
                    break;
                case (true, (uint)ServerBoundType.OpenChannel) when offered.Remove(message.ChannelId, out ulong since):
                    opened++;
                    slowest = Math.Max(slowest, message.Nanoseconds - since);
                    break;
                case (false, (uint)ClientBoundType.RescindChannelOffer) when offered.Remove(message.ChannelId):
                    left++;
                    break;
            }
        }

        if (opened == 0) throw new NotCoveredException("The host opened no socket to a program of the guest: run a command in it meanwhile.");
        Bench.Must(slowest < AtOnce, $"The guest took {slowest / 1_000_000} ms to open a socket that a program listens at.");
        return $"{opened} sockets were opened, the slowest after {slowest / 1_000_000} ms; {left} that no program listens at were left.";
    }

    private static string Ends(GuestTrace trace)
    {
        int ended = 0;
        foreach (ChannelSession session in trace.Sessions.Where(static session => (session.Flags & OfferFlags.TransportProvider) != 0))
        {
            bool isOver = false;
            foreach (TracedPacket packet in session.Packets.Where(static packet => packet.FromGuest))
            {
                Bench.Must(!isOver, $"The guest sent a packet on {session} after it had ended its direction.");
                isOver = SocketPacket.TryRead(packet.Payload.Span, out int bytes) && bytes == 0;
            }

            if (isOver) ended++;
        }

        return ended > 0 ? $"{ended} sockets ended with 0 bytes of the guest, and nothing after." : throw new NotCoveredException("No socket was ended by the guest.");
    }

    private static bool IsFromHost(in OfferChannel offer)
        => (offer.Flags & OfferFlags.TransportProvider) != 0 && offer.UserDefined.Length > FromHostOffset && offer.UserDefined.Span[FromHostOffset] != 0;
}
