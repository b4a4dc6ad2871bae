using VmBus.Conformance.Running;
using VmBus.Protocol.Tracing;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of ring.md about packets and words.</summary>
internal static class GuestRingChecks
{
    private const string NoPackets = "The trace has no packets: it was made without them.";

    public static IEnumerable<GuestCheck> All => [new("RG-21", Packets), new("RG-23", Completed), new("RG-25", HostsWords)];

    private static string Packets(GuestTrace trace)
    {
        int packets = 0, channels = 0;
        foreach (ChannelSession session in trace.Sessions)
        {
            foreach (TracedRings rings in Rings(session))
            {
                Bench.Must(rings.Moment != RingMoment.Failed, $"The host gave up {session}: its ring, or a packet in it, breaks a rule.");
                Bench.Must(rings.FromGuest.WriteIndex <= rings.FromGuestBytes, $"The write index of {session} is {rings.FromGuest.WriteIndex}, of {rings.FromGuestBytes} bytes.");
            }

            int count = session.Packets.Count(static packet => packet.FromGuest);
            packets += count;
            if (count > 0) channels++;
        }

        return packets > 0 ? $"{packets} packets on {channels} channels: the host found each one whole behind the write index." : throw new NotCoveredException(NoPackets);
    }

    private static string Completed(GuestTrace trace)
    {
        int completed = 0, left = 0;
        foreach (ChannelSession session in trace.Sessions)
        {
            (int done, int open) = Completions.Count(session, static _ => true);
            completed += done;
            left += open;
        }

        return completed > 0 ? $"{completed} packets of the host were completed once each; {left} were on their way when their channel closed or the trace ended." : throw new NotCoveredException("The host sent no packet that asks for a completion: give the guest traffic.");
    }

    private static string HostsWords(GuestTrace trace)
    {
        int looks = 0;
        foreach (ChannelSession session in trace.Sessions)
        {
            foreach (TracedRings rings in Rings(session))
            {
                if (rings.Moment == RingMoment.Opened) continue;
                looks++;
                Bench.Must(rings.FromGuest.ReadIndex == rings.HostReadIndex, $"The host had written {rings.HostReadIndex} as read index of {session}, and found {rings.FromGuest.ReadIndex}.");
                Bench.Must(rings.ToGuest.WriteIndex == rings.HostWriteIndex, $"The host had written {rings.HostWriteIndex} as write index of {session}, and found {rings.ToGuest.WriteIndex}.");
                Bench.Must(
                    rings.ToGuest.PendingSendSize == rings.HostPendingSendSize,
                    $"The host had written {rings.HostPendingSendSize} as pending send size of {session}, and found {rings.ToGuest.PendingSendSize}.");
                Bench.Must(rings.Moment != RingMoment.Idle || rings.FromGuest.InterruptMask == 0, $"The host had cleared the interrupt mask of {session}, and found {rings.FromGuest.InterruptMask}.");
            }
        }

        return looks > 0 ? $"{looks} times that the host looked at its words it found what it had written." : throw new NotCoveredException(NoPackets);
    }

    private static IEnumerable<TracedRings> Rings(ChannelSession session)
    {
        foreach (TraceRecord record in session.Records)
        {
            if (record.Header.Kind == TraceKind.Rings && TracedRings.TryRead(record.Body.Span, out TracedRings rings)) yield return rings;
        }
    }
}
