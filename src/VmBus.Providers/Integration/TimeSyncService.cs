using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>The moment that time messages tell of. Any thread, also lanes.</summary>
public interface IGuestClock
{
    /// <summary>Reads the host's time and the partition's reference counter at the same moment.</summary>
    /// <param name="utc">The host's time.</param>
    /// <param name="reference">The reference counter, in units of 100 ns.</param>
    /// <returns>False when no machine runs.</returns>
    bool TryRead(out DateTime utc, out ulong reference);
}

/// <summary>Sets the guest's clock when its driver comes, then tells it the time every five seconds. Any thread.</summary>
/// <remarks>
/// A sync sets the clock; the samples feed the guest's PTP clock, by which its own programs may keep it right.
/// Source: protocol-spec/integration.md#time-synchronization.
/// </remarks>
public sealed class TimeSyncService
{
    /// <summary>Time between samples.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    // The guest's kernel answers from its interrupt.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    private readonly IntegrationProvider _provider;
    private readonly IGuestClock _clock;
    private readonly Lock _gate = new();
    private IntegrationEndpoint? _endpoint;
    private ITimer? _wait;

    /// <summary>Tells the time to a provider of <see cref="IntegrationServices.TimeSync"/>.</summary>
    public TimeSyncService(IntegrationProvider provider, IGuestClock clock)
    {
        ArgumentNullException.ThrowIfNull(provider);
        _provider = provider;
        _clock = clock;
        provider.Ready += Begin;
        provider.Ended += End;
    }

    /// <summary>Has the guest set its clock now: after it stood still, or because somebody asks.</summary>
    /// <exception cref="IntegrationException">The guest does not do it.</exception>
    public async Task SynchronizeAsync(CancellationToken cancellation)
    {
        IntegrationStatus status = await _provider.RequestAsync(
            TimeSyncMessage.SizeIn, (body, version) => TryWrite(TimeSyncKind.Sync, body, version), AnswerLimit, cancellation).ConfigureAwait(false);
        if (status != IntegrationStatus.Success) throw _provider.Refusal("set its clock", status);
    }

    private void Begin(IntegrationEndpoint endpoint)
    {
        lock (_gate) _endpoint = endpoint;
        Tell(endpoint, TimeSyncKind.Sync);
    }

    private void Tell(IntegrationEndpoint endpoint, TimeSyncKind kind) => endpoint.Submit(new IntegrationTransaction(
        IntegrationMessageType.TimeSync,
        TimeSyncMessage.SizeIn,
        (body, version) => TryWrite(kind, body, version),
        AnswerLimit,
        (in IntegrationAnswer answer) =>
        {
            if (answer.Problem == IntegrationProblem.Closed) return;
            // The one sync that begins it all is worth another try; samples follow anyway.
            TimeSyncKind next = kind == TimeSyncKind.Sync && answer.Problem != IntegrationProblem.None ? TimeSyncKind.Sync : TimeSyncKind.Sample;
            lock (_gate)
            {
                if (_endpoint == endpoint) _wait = endpoint.After(Period, () => Tell(endpoint, next));
            }
        }));

    // The time is read when the message leaves, not when it was asked for.
    private bool TryWrite(TimeSyncKind kind, Span<byte> body, IntegrationVersion version)
    {
        if (!_clock.TryRead(out DateTime utc, out ulong reference)) return false;
        new TimeSyncMessage((ulong)utc.ToFileTimeUtc(), reference, kind).Write(body, version);
        return true;
    }

    private void End()
    {
        lock (_gate)
        {
            _endpoint = null;
            _wait?.Dispose();
            _wait = null;
        }
    }
}
