using System.Runtime.CompilerServices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;

namespace VmBus.Bus.Tracing;

/// <summary>Where traces hear of what one channel does. While there are none each member costs a load and a branch. Any lane.</summary>
/// <param name="tap">The bus's.</param>
/// <param name="source">The channel.</param>
internal sealed class ChannelTap(TraceTap tap, TraceSource source)
{
    /// <summary>A packet was read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Received(in RingPacket packet)
    {
        if (tap.Traces is { } traces) Received(traces, packet);
    }

    /// <summary>A packet was written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Sent(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        if (tap.Traces is { } traces) Sent(traces, type, header, payload, transactionId, flags);
    }

    /// <summary>One side has signalled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Signalled(TraceDirection direction, uint processor = 0)
    {
        if (tap.Traces is { } traces) Signalled(traces, direction, processor);
    }

    /// <summary>The rings before the host has written to them.</summary>
    public void Opened(RingMapping fromGuest, RingMapping toGuest)
    {
        if (tap.Traces is not { } traces) return;
        TracedWords from = Words(fromGuest), to = Words(toGuest);
        var rings = new TracedRings(
            RingMoment.Opened, (uint)fromGuest.DataBytes, (uint)toGuest.DataBytes, from, to, from.ReadIndex, to.WriteIndex, to.PendingSendSize);
        foreach (BusTrace trace in traces) trace.AddRings(source, tap.Version, rings);
    }

    /// <summary>The rings at a later moment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Looked(RingMoment moment, RingMapping fromGuest, RingReader reader, RingMapping toGuest, RingWriter writer)
    {
        if (tap.Traces is { } traces) Looked(traces, moment, fromGuest, reader, toGuest, writer);
    }

    private static TracedWords Words(RingMapping ring)
    {
        RingControl control = ring.ReadControl();
        return new TracedWords(control.WriteIndex, control.ReadIndex, control.InterruptMask, control.PendingSendSize, control.FeatureBits);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Received(BusTrace[] traces, in RingPacket packet)
    {
        foreach (BusTrace trace in traces) trace.AddPacket(source, TraceDirection.FromGuest, tap.Version, packet.Descriptor, packet.Header, packet.Payload);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Sent(BusTrace[] traces, PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        int headerBytes = PacketDescriptor.Size + header.Length;
        int total = (headerBytes + payload.Length + PacketDescriptor.Alignment - 1) & ~(PacketDescriptor.Alignment - 1);
        var descriptor = new PacketDescriptor(type, headerBytes, total, flags, transactionId);
        foreach (BusTrace trace in traces) trace.AddPacket(source, TraceDirection.FromHost, tap.Version, descriptor, header, payload);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Signalled(BusTrace[] traces, TraceDirection direction, uint processor)
    {
        foreach (BusTrace trace in traces) trace.AddSignal(source, direction, tap.Version, processor);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Looked(BusTrace[] traces, RingMoment moment, RingMapping fromGuest, RingReader reader, RingMapping toGuest, RingWriter writer)
    {
        var rings = new TracedRings(
            moment,
            (uint)fromGuest.DataBytes,
            (uint)toGuest.DataBytes,
            Words(fromGuest),
            Words(toGuest),
            reader.PublishedIndex,
            writer.CommittedIndex,
            writer.PendingSendSize);
        foreach (BusTrace trace in traces) trace.AddRings(source, tap.Version, rings);
    }
}
