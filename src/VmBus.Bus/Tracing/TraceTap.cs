using System.Runtime.CompilerServices;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Tracing;

namespace VmBus.Bus.Tracing;

/// <summary>Where traces hear of what a bus does. While there are none it costs a load and a branch. Any thread.</summary>
internal sealed class TraceTap
{
    /// <summary>Traces at a time: each has memory of its own.</summary>
    public const int MaximumTraces = 4;

    private readonly Lock _gate = new();
    private volatile BusTrace[]? _traces;
    private volatile uint _version;

    /// <summary>Those that run; null when there are none.</summary>
    public BusTrace[]? Traces
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _traces;
    }

    /// <summary>The version agreed with the guest; 0 while it is not connected.</summary>
    public ProtocolVersion Version
    {
        get => new(_version);
        set => _version = value.Value;
    }

    /// <summary>Tells a trace of everything from now on. False when there are as many as may be.</summary>
    public bool TryAdd(BusTrace trace)
    {
        lock (_gate)
        {
            if (_traces is { Length: MaximumTraces }) return false;
            _traces = [.. _traces ?? [], trace];
            return true;
        }
    }

    /// <summary>Tells it nothing any more; one that is not there is ignored.</summary>
    public void Remove(BusTrace trace)
    {
        lock (_gate)
        {
            BusTrace[] others = [.. (_traces ?? []).Where(other => other != trace)];
            _traces = others.Length == 0 ? null : others;
        }
    }

    /// <summary>A channel message.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Message(TraceDirection direction, ReadOnlySpan<byte> message)
    {
        if (_traces is { } traces) Message(traces, direction, message);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Message(BusTrace[] traces, TraceDirection direction, ReadOnlySpan<byte> message)
    {
        foreach (BusTrace trace in traces) trace.AddMessage(direction, Version, message);
    }
}
