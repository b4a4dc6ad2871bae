using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Guests;

/// <summary>The host's packets of one session that ask for a completion, and the guest's completions.</summary>
internal static class Completions
{
    /// <summary>Ends early when the guest completes what was not asked, or the same packet twice.</summary>
    /// <param name="session">The session.</param>
    /// <param name="takes">Which of the host's packets count.</param>
    /// <returns>Packets that were completed, and those that were not.</returns>
    public static (int Completed, int Open) Count(ChannelSession session, Func<TracedPacket, bool> takes)
    {
        var open = new HashSet<ulong>();
        bool seen = false;
        int completed = 0;
        foreach (TracedPacket packet in session.Packets)
        {
            ulong id = packet.Descriptor.TransactionId;
            if (!packet.FromGuest && packet.Descriptor.WantsCompletion && takes(packet))
            {
                seen = true;
                open.Add(id);
            }
            else if (packet is { FromGuest: true, Descriptor.Type: PacketType.Completion })
            {
                if (open.Remove(id)) completed++;
                // What the host has asked before the trace began is completed in it.
                else if (session.Begins && seen) throw new RuleBrokenException($"The guest completed {id:x} on {session}, which nothing asked for, or twice.");
            }
        }

        return (completed, open.Count);
    }
}
