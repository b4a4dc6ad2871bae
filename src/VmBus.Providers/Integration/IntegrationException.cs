using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Why a request to the guest came to nothing.</summary>
public enum IntegrationProblem
{
    /// <summary>None: the guest has answered.</summary>
    None,

    /// <summary>There is nobody to ask: see <see cref="IntegrationContact"/>.</summary>
    NotReady,

    /// <summary>Too many requests wait already.</summary>
    Busy,

    /// <summary>No answer in time.</summary>
    NoAnswer,

    /// <summary>An answer that makes no sense.</summary>
    BadAnswer,

    /// <summary>The guest has closed the channel, or was reset, before it answered.</summary>
    Closed,

    /// <summary>The guest says no.</summary>
    Refused,

    /// <summary>Nothing was asked: the request itself cannot be made.</summary>
    BadRequest,
}

/// <summary>A request to an integration service of the guest failed. The message is one line for people that begins with the service's name.</summary>
public sealed class IntegrationException : IOException
{
    /// <summary>A failure of <paramref name="service"/>.</summary>
    /// <param name="service">The service.</param>
    /// <param name="problem">What kind of failure.</param>
    /// <param name="explanation">The rest of the sentence, for people.</param>
    /// <param name="status">What the guest answered, when it did.</param>
    public IntegrationException(IntegrationService service, IntegrationProblem problem, string explanation, IntegrationStatus status = IntegrationStatus.Success)
        : base($"{Named(service)}: {explanation}")
    {
        Problem = problem;
        Status = status;
    }

    /// <summary>What kind of failure.</summary>
    public IntegrationProblem Problem { get; }

    /// <summary>What the guest answered; <see cref="IntegrationStatus.Success"/> when it did not.</summary>
    public IntegrationStatus Status { get; }

    private static string Named(IntegrationService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return service.Name;
    }
}
