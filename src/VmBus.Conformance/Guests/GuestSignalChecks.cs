using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of ring.md about signals: who waits for one sees it, or waits for ever.</summary>
internal static class GuestSignalChecks
{
    public static IEnumerable<GuestCheck> All => [new("RG-22", PacketSignals), new("RG-24", SpaceSignals)];

    // Between two rests the host has taken packets: a signal has woken it, or, where it woke by itself, comes a little later. What comes after a word of
    // the host's counts for nothing: it was awake, and had masked signals.
    private static string PacketSignals(GuestTrace trace)
    {
        int signalled = 0;
        foreach (ChannelSession session in trace.Sessions)
        {
            var rests = new List<(bool Packets, bool Signal, bool IsAwake)>();
            foreach (TraceRecord record in session.Records)
            {
                if (MomentOf(record) is RingMoment.Idle) rests.Add(default);
                else if (rests.Count > 0 && record.Header.Direction == TraceDirection.FromHost) rests[^1] = (rests[^1].Packets, rests[^1].Signal, true);
                else if (rests.Count > 0 && record.Header is { Direction: TraceDirection.FromGuest, Kind: TraceKind.Packet }) rests[^1] = (rests[^1].Packets || !rests[^1].IsAwake, rests[^1].Signal, rests[^1].IsAwake);
                else if (rests.Count > 0 && record.Header is { Direction: TraceDirection.FromGuest, Kind: TraceKind.Signal }) rests[^1] = (rests[^1].Packets, true, rests[^1].IsAwake);
            }

            // The last two may wait for a signal that the trace does not have any more.
            for (int i = 0; i + 2 < rests.Count; i++)
            {
                if (!rests[i].Packets) continue;
                Bench.Must(rests[i].Signal || rests[i + 1].Signal, $"The guest wrote to {session}, whose ring the host had emptied, and did not signal.");
                signalled++;
            }
        }

        return signalled > 0
            ? $"{signalled} times the host had emptied a ring and asked for signals, and one came with the next packets."
            : throw new NotCoveredException("No ring was emptied and written to again while it was traced.");
    }

    private static string SpaceSignals(GuestTrace trace)
    {
        int waits = 0;
        foreach (ChannelSession session in trace.Sessions)
        {
            bool waiting = false;
            foreach (TraceRecord record in session.Records)
            {
                if (MomentOf(record) == RingMoment.WaitingForSpace && TracedRings.TryRead(record.Body.Span, out TracedRings rings))
                {
                    waiting = (rings.ToGuest.FeatureBits & RingControlPage.PendingSendSizeSupported) != 0;
                }
                else if (waiting && record.Header is { Direction: TraceDirection.FromGuest, Kind: TraceKind.Signal })
                {
                    waiting = false;
                    waits++;
                }
            }

            Bench.Must(!waiting || session.Ends, $"The host waited for space on {session}, and the guest did not signal it.");
        }

        return waits > 0 ? $"{waits} times the host waited for space, and a signal came." : throw new NotCoveredException("The host never had to wait for space in a ring to the guest.");
    }

    private static RingMoment? MomentOf(TraceRecord record)
        => record.Header.Kind == TraceKind.Rings && record.Body.Length >= sizeof(uint) ? (RingMoment)ReadUInt32LittleEndian(record.Body.Span) : null;
}
