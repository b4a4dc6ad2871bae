using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Writes a body into zeros of the length that was asked for. On the channel's lane, when the request is sent. Must not throw.</summary>
/// <param name="body">The body.</param>
/// <param name="version">The message version agreed on.</param>
/// <returns>False to send nothing after all: what it would say is not there any more.</returns>
internal delegate bool BodyWriter(Span<byte> body, IntegrationVersion version);

/// <summary>Takes the end of a request, once. On the channel's lane, or the asking thread when nothing was sent. Must not throw.</summary>
internal delegate void AnswerHandler(in IntegrationAnswer answer);

/// <summary>How a request ended.</summary>
/// <param name="problem">Why there is no answer; <see cref="IntegrationProblem.None"/> when there is one.</param>
/// <param name="status">The guest's status.</param>
/// <param name="version">The message version it is in.</param>
/// <param name="body">The body, private to the host, until the handler returns.</param>
internal readonly ref struct IntegrationAnswer(
    IntegrationProblem problem, IntegrationStatus status = default, IntegrationVersion version = default, ReadOnlySpan<byte> body = default)
{
    public IntegrationProblem Problem { get; } = problem;

    public IntegrationStatus Status { get; } = status;

    public IntegrationVersion Version { get; } = version;

    public ReadOnlySpan<byte> Body { get; } = body;
}

/// <summary>One request on its way. Its members belong to the channel's lane.</summary>
/// <param name="type">What it is about.</param>
/// <param name="bodyBytes">Length of the body in a version.</param>
/// <param name="write">Fills the body.</param>
/// <param name="limit">How long the answer may take from the moment it is sent; infinite for no limit.</param>
/// <param name="completed">Hears how it ended.</param>
internal sealed class IntegrationTransaction(
    IntegrationMessageType type, Func<IntegrationVersion, int> bodyBytes, BodyWriter write, TimeSpan limit, AnswerHandler completed)
{
    private ITimer? _timer;
    private bool _isEnded;

    public IntegrationMessageType Type => type;

    /// <summary>Names it on the ring and, in its lowest byte, in the message.</summary>
    public ulong Id { get; set; }

    public TimeSpan Limit => limit;

    /// <summary>Whether it has ended: it was answered, gave up, or was given up.</summary>
    public bool IsEnded => _isEnded;

    public int BodyBytes(IntegrationVersion version) => bodyBytes(version);

    public bool Write(Span<byte> body, IntegrationVersion version) => write(body, version);

    /// <summary>Has the timer that ends it.</summary>
    public void Arm(ITimer timer) => _timer = timer;

    /// <summary>Ends it; later ends count for nothing.</summary>
    public void End(in IntegrationAnswer answer)
    {
        if (_isEnded) return;
        _isEnded = true;
        _timer?.Dispose();
        completed(answer);
    }
}
