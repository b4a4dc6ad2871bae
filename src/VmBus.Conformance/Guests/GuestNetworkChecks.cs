using VmBus.Conformance.Running;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of network.md.</summary>
internal static class GuestNetworkChecks
{
    public static IEnumerable<GuestCheck> All => [new("NW-23", Receiving), new("NW-24", Sending)];

    private static string Receiving(GuestTrace trace)
    {
        int completed = 0, left = 0;
        foreach (ChannelSession session in trace.Of(NetworkInterface.Synthetic))
        {
            (int done, int open) = Completions.Count(session, static packet => packet.Descriptor.Type == PacketType.DataUsingTransferPages);
            completed += done;
            left += open;
        }

        return completed > 0 ? $"{completed} receive packets were completed once each; {left} were on their way at the end." : throw new NotCoveredException("The guest received nothing: give it a network adapter with traffic.");
    }

    // What a control message says is in the guest's memory, and not in the ring: that the filter was set is not seen.
    private static string Sending(GuestTrace trace)
    {
        int revocations = 0, frames = 0;
        foreach (IGrouping<Guid?, ChannelSession> adapter in trace.Of(NetworkInterface.Synthetic).GroupBy(static session => session.Instance))
        {
            var open = new HashSet<(uint, ulong)>();
            bool asked = false;
            foreach ((ChannelSession session, TracedPacket packet) in adapter.SelectMany(static session => session.Packets.Select(packet => (session, packet))).OrderBy(static pair => pair.packet.Nanoseconds))
            {
                (uint, ulong) id = (session.ChannelId, packet.Descriptor.TransactionId);
                var type = (NvspMessageType)packet.Word(0);
                if (packet is { FromGuest: false, Descriptor.Type: PacketType.Completion })
                {
                    open.Remove(id);
                }
                else if (packet.FromGuest && packet.Descriptor.Type != PacketType.Completion)
                {
                    if (type == NvspMessageType.Initialize) asked = false;
                    if (type is NvspMessageType.RevokeReceiveBuffer or NvspMessageType.RevokeSendBuffer)
                    {
                        revocations++;
                        Bench.Must(open.Count == 0, $"The guest revoked a buffer on {session} with {open.Count} frames under way.");
                    }

                    if (type != NvspMessageType.SendRndisPacket) continue;
                    if ((NvspChannelType)packet.Word(4) == NvspChannelType.Control)
                    {
                        asked = true;
                        continue;
                    }

                    frames++;
                    if (packet.Descriptor.WantsCompletion) open.Add(id);
                    Bench.Must(asked || !adapter.First().Begins, $"The guest sent a frame on {session} before any control message.");
                }
            }
        }

        if (revocations == 0) throw new NotCoveredException("The guest revoked no buffer: remove a network adapter meanwhile.");
        return $"{frames} frames, none before control messages and none under way at {revocations} revocations; what the control messages say is not in a trace.";
    }
}
