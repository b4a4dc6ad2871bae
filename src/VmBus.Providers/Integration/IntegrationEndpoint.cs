using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Integration;

/// <summary>
/// The host's end of one open integration channel: agrees on versions, then carries one request after the other, each with a time limit.
/// </summary>
/// <remarks>
/// On the channel's lane, except <see cref="Submit"/>, <see cref="After"/> and <see cref="Post"/>. An answer belongs to the request whose number it
/// carries; what comes late, twice or unasked is dropped. Whatever the guest sends, the channel stays open. Source: protocol-spec/integration.md#transactions.
/// </remarks>
internal sealed class IntegrationEndpoint : IChannelEndpoint
{
    /// <summary>Requests that wait for their turn at most: far more than all verbs and loops together ask at once.</summary>
    public const int MaximumWaiting = 64;

    // Some daemons that answer through the ring themselves give every packet this number.
    private const ulong AnyTransaction = ulong.MaxValue;

    // Numbers in messages are bytes; 0 is what a host that does not count sends.
    private const int LastNumber = byte.MaxValue;

    private readonly IntegrationProvider _provider;
    private readonly IIntegrationChannel _channel;
    private readonly TimeProvider _clock;
    private readonly IntegrationLog _log;
    private readonly Lock _gate = new();
    private readonly Queue<IntegrationTransaction> _waiting = [];
    private byte[] _packet = new byte[IntegrationHeader.Size + FileCopyMessages.WriteSize];
    private IntegrationTransaction? _current;
    private IntegrationVersion _framework;
    private IntegrationVersion _version;
    private ulong _lastId;
    private bool _isClosed;

    public IntegrationEndpoint(IntegrationProvider provider, IIntegrationChannel channel, TimeProvider clock, IntegrationLog log)
    {
        _provider = provider;
        _channel = channel;
        _clock = clock;
        _log = log;
    }

    /// <summary>Asks the guest which versions it speaks. There is no limit: some drivers answer when their daemon has come.</summary>
    public void Negotiate()
    {
        IntegrationService service = _provider.Service;
        Start(new IntegrationTransaction(
            IntegrationMessageType.Negotiate,
            _ => VersionNegotiation.RequestBytes(service),
            (body, _) =>
            {
                VersionNegotiation.WriteRequest(body, service);
                return true;
            },
            Timeout.InfiniteTimeSpan,
            Negotiated));
    }

    /// <summary>Sends a request when its turn comes. Any thread.</summary>
    public void Submit(IntegrationTransaction transaction)
    {
        if (!Post(() => Start(transaction))) transaction.End(new IntegrationAnswer(IntegrationProblem.Closed));
    }

    /// <summary>Gives a request up: its answer is dropped when it comes. Any thread.</summary>
    public void GiveUp(IntegrationTransaction transaction, IntegrationProblem problem) => Post(() => End(transaction, problem));

    /// <summary>Runs work on the lane after a time, if the channel is still open then. Any thread.</summary>
    /// <returns>Disposing it ends the wait.</returns>
    public ITimer After(TimeSpan time, Action work)
        => _clock.CreateTimer(_ => Post(work), null, time, Timeout.InfiniteTimeSpan);

    /// <summary>Runs work on the lane, later, unless the channel closes before. Any thread.</summary>
    /// <returns>False when it is closed: the lane itself may have ended.</returns>
    public bool Post(Action work)
    {
        lock (_gate)
        {
            if (_isClosed) return false;
            _channel.Post(work);
            return true;
        }
    }

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (packet.Descriptor.Type != PacketType.DataInband)
        {
            _log.Stray(_channel.Id, "it is not in-band data");
            return PacketVerdict.Taken;
        }

        if (!IntegrationHeader.TryRead(packet.Payload, out IntegrationHeader header))
        {
            _log.Stray(_channel.Id, "its header is short or lies about the length");
            // With the number of the request it is that one's answer, and no other will come.
            if (_current is { } asked && packet.Descriptor.TransactionId == asked.Id) End(asked, IntegrationProblem.BadAnswer);
            return PacketVerdict.Taken;
        }

        if (_current is not { } current
            || (packet.Descriptor.TransactionId != current.Id && packet.Descriptor.TransactionId != AnyTransaction)
            || header.Transaction != NumberOf(current.Id)
            || header.Type != current.Type
            || (header.Flags & IntegrationFlags.Response) == 0)
        {
            _log.Stray(_channel.Id, "it answers nothing that was asked, or comes too late");
            return PacketVerdict.Taken;
        }

        _current = null;
        current.End(new IntegrationAnswer(
            IntegrationProblem.None, header.Status, _version, packet.Payload.Slice(IntegrationHeader.Size, header.BodyBytes)));
        StartNext();
        return PacketVerdict.Taken;
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
    }

    /// <inheritdoc/>
    public void Close()
    {
        lock (_gate) _isClosed = true;
        _provider.EndpointClosed(this);
        if (_current is { } current) End(current, IntegrationProblem.Closed);
        while (_waiting.TryDequeue(out IntegrationTransaction? transaction)) transaction.End(new IntegrationAnswer(IntegrationProblem.Closed));
        _channel.Closed();
    }

    private static byte NumberOf(ulong id) => (byte)(((id - 1) % LastNumber) + 1);

    private void Start(IntegrationTransaction transaction)
    {
        if (_isClosed) transaction.End(new IntegrationAnswer(IntegrationProblem.Closed));
        else if (transaction.IsEnded) return;
        else if (_current is null) Send(transaction);
        else if (_waiting.Count < MaximumWaiting) _waiting.Enqueue(transaction);
        else transaction.End(new IntegrationAnswer(IntegrationProblem.Busy));
    }

    private void StartNext()
    {
        while (_current is null && !_isClosed && _waiting.TryDequeue(out IntegrationTransaction? next))
        {
            if (!next.IsEnded) Send(next);
        }
    }

    private void Send(IntegrationTransaction transaction)
    {
        bool negotiates = transaction.Type == IntegrationMessageType.Negotiate;
        int bodyBytes = transaction.BodyBytes(_version);
        if (_packet.Length < IntegrationHeader.Size + bodyBytes) _packet = new byte[IntegrationHeader.Size + bodyBytes];
        Span<byte> packet = _packet.AsSpan(0, IntegrationHeader.Size + bodyBytes);
        packet.Clear();
        if (!transaction.Write(packet[IntegrationHeader.Size..], _version))
        {
            transaction.End(new IntegrationAnswer(IntegrationProblem.NotReady));
            return;
        }

        transaction.Id = ++_lastId;
        new IntegrationHeader(
            negotiates ? default : _framework,
            transaction.Type,
            negotiates ? default : _version,
            bodyBytes,
            IntegrationStatus.Success,
            NumberOf(transaction.Id),
            IntegrationFlags.Transaction | IntegrationFlags.Request).Write(packet);
        _current = transaction;
        if (transaction.Limit != Timeout.InfiniteTimeSpan) transaction.Arm(After(transaction.Limit, () => End(transaction, IntegrationProblem.NoAnswer)));
        // A guest that has not taken the requests before this one is not asked more: that is no answer either.
        if (!_channel.TrySend(packet, transaction.Id)) End(transaction, IntegrationProblem.NoAnswer);
    }

    private void End(IntegrationTransaction transaction, IntegrationProblem problem)
    {
        if (ReferenceEquals(transaction, _current)) _current = null;
        transaction.End(new IntegrationAnswer(problem));
        StartNext();
    }

    private void Negotiated(in IntegrationAnswer answer)
    {
        if (answer.Problem == IntegrationProblem.Closed) return;
        if (answer.Problem == IntegrationProblem.None
            && answer.Status == IntegrationStatus.Success
            && VersionNegotiation.TryReadAnswer(answer.Body, out IntegrationVersion? framework, out IntegrationVersion? version)
            && framework is { } chosenFramework && _provider.Service.Frameworks.Contains(chosenFramework)
            && version is { } chosenVersion && _provider.Service.Versions.Contains(chosenVersion))
        {
            _framework = chosenFramework;
            _version = chosenVersion;
            _log.Agreed(_channel.Id, _framework, _version);
            _provider.EndpointReady(this, _version);
            return;
        }

        _log.Incompatible(_channel.Id);
        _provider.EndpointIncompatible(this);
    }
}
