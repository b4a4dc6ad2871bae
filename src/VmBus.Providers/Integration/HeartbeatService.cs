using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Whether the guest is alive.</summary>
public enum HeartbeatState
{
    /// <summary>Nobody in the guest answers heartbeats yet, or any more.</summary>
    NoContact,

    /// <summary>The guest answers.</summary>
    Ok,

    /// <summary>The guest answered once and does not any more.</summary>
    LostCommunication,
}

/// <summary>What the heartbeat knows.</summary>
/// <param name="State">Whether the guest is alive.</param>
/// <param name="Applications">What it says of its programs; Linux says nothing.</param>
/// <param name="Answered">Beats that it answered since the channel was opened.</param>
/// <param name="Missed">Beats that it did not, since then.</param>
/// <param name="SinceAnswer">Time since the last answer; null when there was none.</param>
public sealed record HeartbeatInfo(HeartbeatState State, ApplicationState Applications, long Answered, long Missed, TimeSpan? SinceAnswer);

/// <summary>Asks the guest every two seconds whether it is alive. Any thread.</summary>
/// <remarks>
/// One beat is on its way at a time: the guest is lost when it has not answered for the time of five. Answers come from the guest's kernel, so they
/// prove that it runs, not that its programs do. Source: protocol-spec/integration.md#heartbeat.
/// </remarks>
public sealed class HeartbeatService
{
    /// <summary>Time between beats.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>A guest that has not answered for so long is lost.</summary>
    public static readonly TimeSpan LostAfter = 5 * Period;

    private readonly IntegrationProvider _provider;
    private readonly Lock _gate = new();
    private IntegrationEndpoint? _endpoint;
    private HeartbeatState _state;
    private ApplicationState _applications;
    private ITimer? _wait;
    private ulong _sequence;
    private long _answered;
    private long _missed;
    private long? _lastAnswer;
    private long _sent;

    /// <summary>Beats for a provider of <see cref="IntegrationServices.Heartbeat"/>.</summary>
    public HeartbeatService(IntegrationProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        _provider = provider;
        provider.Ready += Begin;
        provider.Ended += End;
    }

    /// <summary>What is known now.</summary>
    public HeartbeatInfo Describe()
    {
        lock (_gate)
        {
            // Beats that would have been sent meanwhile count too: the one that is late holds them back.
            long late = _sent == 0 ? 0 : (long)(_provider.Clock.GetElapsedTime(_sent) / Period);
            return new HeartbeatInfo(
                _state, _applications, _answered, _missed + late, _lastAnswer is { } last ? _provider.Clock.GetElapsedTime(last) : null);
        }
    }

    private void Begin(IntegrationEndpoint endpoint)
    {
        lock (_gate)
        {
            _endpoint = endpoint;
            _answered = _missed = 0;
            _lastAnswer = null;
        }

        Beat(endpoint);
    }

    private void Beat(IntegrationEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_endpoint != endpoint) return;
            _sent = _provider.Clock.GetTimestamp();
        }

        ulong sequence = ++_sequence;
        endpoint.Submit(new IntegrationTransaction(
            IntegrationMessageType.Heartbeat,
            static _ => HeartbeatMessage.Size,
            (body, _) =>
            {
                new HeartbeatMessage(sequence, ApplicationState.Unknown).Write(body);
                return true;
            },
            LostAfter,
            (in IntegrationAnswer answer) => Answered(endpoint, sequence, answer)));
    }

    private void Answered(IntegrationEndpoint endpoint, ulong sequence, in IntegrationAnswer answer)
    {
        bool alive = answer.Problem == IntegrationProblem.None && answer.Status == IntegrationStatus.Success;
        if (alive && HeartbeatMessage.TryRead(answer.Body, out HeartbeatMessage message) && message.Sequence == sequence + 1) Alive(message.Applications);
        else alive = false;
        if (!alive && answer.Problem == IntegrationProblem.Closed) return;
        if (!alive) Missed();
        lock (_gate)
        {
            if (_endpoint != endpoint) return;
            // An answer that makes no sense came at once, and a full ring is found at once: the next beat keeps its distance.
            _wait = endpoint.After(Period, () => Beat(endpoint));
        }
    }

    private void Alive(ApplicationState applications)
    {
        bool isBack;
        lock (_gate)
        {
            isBack = _state == HeartbeatState.LostCommunication;
            _missed += (long)(_provider.Clock.GetElapsedTime(_sent) / Period);
            _sent = 0;
            _state = HeartbeatState.Ok;
            _applications = applications;
            _answered++;
            _lastAnswer = _provider.Clock.GetTimestamp();
        }

        if (isBack) _provider.Log.HeartbeatBack();
    }

    private void Missed()
    {
        bool isNew;
        double seconds;
        lock (_gate)
        {
            _missed += Math.Max(1, (long)(_provider.Clock.GetElapsedTime(_sent) / Period));
            _sent = 0;
            TimeSpan silence = _lastAnswer is { } last ? _provider.Clock.GetElapsedTime(last) : LostAfter;
            isNew = _state != HeartbeatState.LostCommunication && silence >= LostAfter;
            if (isNew) _state = HeartbeatState.LostCommunication;
            seconds = silence.TotalSeconds;
        }

        if (isNew) _provider.Log.HeartbeatLost(seconds);
    }

    private void End()
    {
        lock (_gate)
        {
            _endpoint = null;
            _wait?.Dispose();
            _wait = null;
            _sent = 0;
            _state = HeartbeatState.NoContact;
            _applications = ApplicationState.Unknown;
            _lastAnswer = null;
        }
    }
}
