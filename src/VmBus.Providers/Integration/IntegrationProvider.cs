using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Bus.Devices;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>One integration service on the bus: its offer, and requests to whoever serves it in the guest.</summary>
/// <remarks>
/// Any thread. It stays offered over closes, reopens and resets; every open agrees on versions anew. Source: protocol-spec/integration.md.
/// </remarks>
public sealed class IntegrationProvider : IChannelDevice
{
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private IntegrationEndpoint? _endpoint;
    private IntegrationContact _contact;
    private IntegrationVersion? _version;

    /// <summary>A service that the guest has not opened.</summary>
    /// <param name="service">Which one.</param>
    /// <param name="clock">For its time limits.</param>
    /// <param name="logger">Where it reports.</param>
    public IntegrationProvider(IntegrationService service, TimeProvider clock, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(service);
        _clock = clock;
        Service = service;
        Log = new IntegrationLog(logger, service.Name);
        Offer = new ChannelOffer(
            service.InterfaceType,
            service.Instance,
            (ushort)(OfferFlags.EnumerateDeviceInterface | OfferFlags.NamedPipeMode),
            UserDefined: BitConverter.GetBytes(IntegrationService.PipeMessageMode));
    }

    /// <summary>Which service it is.</summary>
    public IntegrationService Service { get; }

    /// <inheritdoc/>
    public ChannelOffer Offer { get; }

    /// <summary>How it stands with the guest.</summary>
    public IntegrationContact Contact
    {
        get
        {
            lock (_gate) return _contact;
        }
    }

    /// <summary>The message version agreed on; null until then.</summary>
    public IntegrationVersion? Version
    {
        get
        {
            lock (_gate) return _version;
        }
    }

    /// <summary>Where the service reports.</summary>
    internal IntegrationLog Log { get; }

    /// <summary>For the service's own waits.</summary>
    internal TimeProvider Clock => _clock;

    /// <summary>The guest answers from now on; until <see cref="Ended"/> this endpoint is the one. Called on its lane.</summary>
    internal event Action<IntegrationEndpoint>? Ready;

    /// <summary>The channel has closed, whether it was ready or not. Called on its lane.</summary>
    internal event Action? Ended;

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        ArgumentNullException.ThrowIfNull(channel);
        return channel.SubchannelIndex == 0 ? Open(new IntegrationChannel(channel)) : null;
    }

    /// <summary>Opens a channel of whatever kind.</summary>
    internal IntegrationEndpoint Open(IIntegrationChannel channel)
    {
        var endpoint = new IntegrationEndpoint(this, channel, _clock, Log);
        lock (_gate)
        {
            _endpoint = endpoint;
            _contact = IntegrationContact.Negotiating;
            _version = null;
        }

        endpoint.Negotiate();
        return endpoint;
    }

    /// <summary>Asks the guest something.</summary>
    /// <param name="bodyBytes">Length of the body in a version.</param>
    /// <param name="write">Fills it, when its turn has come.</param>
    /// <param name="limit">How long the answer may take.</param>
    /// <param name="read">Reads the answer on the lane: false when it makes no sense. Must not throw.</param>
    /// <param name="cancellation">Gives the request up.</param>
    /// <exception cref="IntegrationException">There was no answer, or none that makes sense.</exception>
    internal async Task<T> RequestAsync<T>(
        Func<IntegrationVersion, int> bodyBytes, BodyWriter write, TimeSpan limit, AnswerReader<T> read, CancellationToken cancellation)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var transaction = new IntegrationTransaction(
            Service.Type,
            bodyBytes,
            write,
            limit,
            (in IntegrationAnswer answer) =>
            {
                if (answer.Problem != IntegrationProblem.None) completion.TrySetException(Failure(answer.Problem, limit));
                else if (read(answer, out T value)) completion.TrySetResult(value);
                else completion.TrySetException(Failure(IntegrationProblem.BadAnswer, limit));
            });
        IntegrationEndpoint endpoint = ReadyEndpoint();
        endpoint.Submit(transaction);
        using CancellationTokenRegistration registration = cancellation.Register(() =>
        {
            completion.TrySetCanceled(cancellation);
            endpoint.GiveUp(transaction, IntegrationProblem.NoAnswer);
        });
        return await completion.Task.ConfigureAwait(false);
    }

    /// <summary>Asks the guest something whose answer is a status and nothing more.</summary>
    /// <returns>The status.</returns>
    /// <exception cref="IntegrationException">There was no answer.</exception>
    internal Task<IntegrationStatus> RequestAsync(
        Func<IntegrationVersion, int> bodyBytes, BodyWriter write, TimeSpan limit, CancellationToken cancellation)
        => RequestAsync<IntegrationStatus>(bodyBytes, write, limit, ReadStatus, cancellation);

    /// <summary>A failure of this service.</summary>
    internal IntegrationException Failure(IntegrationProblem problem, string explanation, IntegrationStatus status = IntegrationStatus.Success)
        => new(Service, problem, explanation, status);

    /// <summary>The guest said no.</summary>
    /// <param name="what">What it was asked to do: "freeze its file systems".</param>
    /// <param name="status">Its answer.</param>
    internal IntegrationException Refusal(string what, IntegrationStatus status)
    {
        string why = status switch
        {
            IntegrationStatus.Fail => "it failed there, and the guest's log tells why",
            IntegrationStatus.NoMoreItems => "there is no such item, or it is too long",
            IntegrationStatus.NotSupported => "it does not do that",
            IntegrationStatus.MachineLocked => "somebody has locked it",
            IntegrationStatus.NotConnected => "its daemon is not there",
            IntegrationStatus.InvalidArgument => "it does not take the value",
            IntegrationStatus.GuidNotFound => "it has no such network adapter",
            IntegrationStatus.AlreadyExists => "there is a file of that name",
            IntegrationStatus.DiskFull => "its file system is full",
            _ => "it gives no reason that is known here",
        };
        return Failure(IntegrationProblem.Refused, string.Create(CultureInfo.InvariantCulture, $"the guest did not {what}: {why} (0x{(uint)status:x8})."), status);
    }

    /// <summary>The versions are agreed on.</summary>
    internal void EndpointReady(IntegrationEndpoint endpoint, IntegrationVersion version)
    {
        lock (_gate)
        {
            if (_endpoint != endpoint) return;
            _contact = IntegrationContact.Ready;
            _version = version;
        }

        Ready?.Invoke(endpoint);
    }

    /// <summary>There is no common version.</summary>
    internal void EndpointIncompatible(IntegrationEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_endpoint == endpoint) _contact = IntegrationContact.Incompatible;
        }
    }

    /// <summary>The channel closes.</summary>
    internal void EndpointClosed(IntegrationEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_endpoint != endpoint) return;
            _endpoint = null;
            _contact = IntegrationContact.NoDriver;
            _version = null;
        }

        Ended?.Invoke();
    }

    private static bool ReadStatus(in IntegrationAnswer answer, out IntegrationStatus status)
    {
        status = answer.Status;
        return true;
    }

    private IntegrationEndpoint ReadyEndpoint()
    {
        lock (_gate)
        {
            return _contact == IntegrationContact.Ready ? _endpoint! : throw Failure(IntegrationProblem.NotReady, _contact switch
            {
                IntegrationContact.NoDriver => "the guest has no driver for it, or is not that far yet.",
                IntegrationContact.Negotiating => "the guest's driver has not answered yet: it waits for its daemon, or is busy.",
                IntegrationContact.Incompatible => "the guest's driver speaks no version that the host does.",
                IntegrationContact.Ready => throw new InvalidOperationException("It is ready."),
            });
        }
    }

    private IntegrationException Failure(IntegrationProblem problem, TimeSpan limit) => Failure(problem, problem switch
    {
        IntegrationProblem.NotReady => "there is nothing to tell the guest now.",
        IntegrationProblem.Busy => "too many requests wait for the guest already: try again later.",
        IntegrationProblem.NoAnswer => string.Create(CultureInfo.InvariantCulture, $"the guest has not answered within {limit.TotalSeconds:0.#} s."),
        IntegrationProblem.BadAnswer => "the guest's answer makes no sense.",
        IntegrationProblem.Closed => "the guest's driver went away, or the guest was reset, before it answered.",
        IntegrationProblem.None or IntegrationProblem.Refused or IntegrationProblem.BadRequest => throw new InvalidOperationException("The guest has answered."),
    });
}

/// <summary>Reads an answer. On the channel's lane.</summary>
/// <returns>False when it makes no sense.</returns>
internal delegate bool AnswerReader<T>(in IntegrationAnswer answer, out T value);
