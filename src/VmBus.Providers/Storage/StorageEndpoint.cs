using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>The host's end of one storage channel: takes requests, starts their commands and answers each exactly once.</summary>
/// <remarks>
/// All members are called on the channel's lane, except <see cref="Post"/>, <see cref="ReadCounters"/> and <see cref="Traffic"/>. Every
/// request takes a slot of a bounded pool until its answer is in the guest's ring, so a guest that does not empty its ring stalls itself and
/// costs no memory.
/// </remarks>
internal sealed class StorageEndpoint : IChannelEndpoint, IChannelMeter
{
    private readonly StorageSession _session;
    private readonly IStorageChannel _channel;
    private readonly StorageOptions _options;
    private readonly ulong _initiator;
    private readonly StorageLog _log;
    private readonly StorageRequestPool _pool;
    private readonly ChannelCounters _counters = new();
    private StorageRequest? _unsentFirst;
    private StorageRequest? _unsentLast;
    private StorageReset? _reset;
    private ScsiAddress? _transferUnit;
    private bool _severalUnits;
    private int _transfers;
    private bool _quiet;
    private bool _stalled;
    private bool _receiving;
    private bool _expecting;
    private bool _noticeWanted;
    private bool _closing;
    private bool _closed;

    public StorageEndpoint(
        StorageSession session, IStorageChannel channel, bool primary, ulong initiator, StorageOptions options, StorageLog log)
    {
        _session = session;
        _channel = channel;
        IsPrimary = primary;
        _initiator = initiator;
        _options = options;
        _log = log;
        _pool = new StorageRequestPool(this, options.QueueDepth);
    }

    /// <summary>Whether this is the channel of the handshake.</summary>
    public bool IsPrimary { get; }

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (packet.Descriptor.Type == PacketType.Completion) return PacketVerdict.Taken; // Notices ask for none.
        if (_reset is not null || _closing) return Stall();
        StorageRequest? request = _pool.Rent();
        if (request is null)
        {
            _counters.QueueWasFull();
            return Stall();
        }

        _receiving = true;
        Handle(packet, request);
        _receiving = false;
        return PacketVerdict.Taken;
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
        if (_closed) return;
        SendUnsent();
        SendNotice();
        UpdateExpectation();
        ReportQuiet();
    }

    /// <inheritdoc/>
    public void Close()
    {
        // A guest that still reads gets what there is room for; a host that takes the controller away owes it every answer.
        SendUnsent();
        _closing = true;
        UpdateExpectation();
        FinishClose();
    }

    /// <summary>Ends a command: called by its request, once.</summary>
    public void Completed(StorageRequest request)
    {
        _counters.CommandEnded(request);
        if (request.IsTransfer) _transfers--;
        StorageStatus status = SrbEncoder.Write(request.Body, request, request.TransferBytes);
        Answer(request, status);
        if (_receiving) return;
        UpdateExpectation();
        ReportQuiet();
        _channel.Touch();
        if (_closing) FinishClose();
    }

    /// <summary>Runs control work on this channel's lane. Any thread.</summary>
    public void Post(Action work) => _channel.Post(work);

    /// <summary>What this channel has done. Any thread.</summary>
    public StorageCounters ReadCounters(bool open) => _counters.Read(open);

    /// <inheritdoc/>
    public ChannelTraffic Traffic
    {
        get
        {
            StorageCounters counters = ReadCounters(true);
            return new ChannelTraffic(counters.Commands, counters.BytesWritten, counters.BytesRead) { Timed = counters.Ended, TimedSum = counters.EndedSum };
        }
    }

    /// <summary>Stops taking requests for a reset, and reports to it when the last command's answer is sent.</summary>
    public void Quiesce(StorageReset reset)
    {
        _reset = reset;
        _quiet = false;
        ReportQuiet();
    }

    /// <summary>Answers the reset that this channel received.</summary>
    public void FinishReset(StorageRequest request)
    {
        if (_closed) return;
        _channel.ResetTarget();
        Answer(request, StorageStatus.Success);
        _channel.Touch();
    }

    /// <summary>The reset is over: takes requests again.</summary>
    public void Release()
    {
        _reset = null;
        Unstall();
    }

    /// <summary>Notes that logical units came, went or changed.</summary>
    public void TargetChanged()
    {
        _noticeWanted = true;
        SendNotice();
    }

    /// <summary>Sends the notice that is due, if the guest can take one now.</summary>
    public void SendNotice()
    {
        StorageHandshake handshake = _session.Handshake;
        if (!_noticeWanted || _closing || _unsentFirst is not null || handshake.Phase != HandshakePhase.Ready || !_session.CommandSeen) return;
        if (handshake.Version.HasBusNotices())
        {
            Span<byte> notice = stackalloc byte[VstorVersions.PacketBytes];
            notice.Clear();
            new VstorHeader(VstorOperation.EnumerateBus, 0, StorageStatus.Success).Write(notice);
            if (!_channel.TrySend(PacketType.DataInband, notice[..handshake.Version.NoticeBytes()], 0)) return;
            _counters.NoticeSent();
            _channel.Touch();
        }

        _noticeWanted = false;
    }

    private void Handle(in RingPacket packet, StorageRequest request)
    {
        request.Take(packet);
        _ = VstorHeader.TryRead(request.Packet, out VstorHeader header);
        if (packet.Descriptor.Type is not (PacketType.DataInband or PacketType.DataUsingGpaDirect))
            Refuse(request, StorageStatus.InvalidDeviceRequest);
        else if (!request.IsWhole)
            Refuse(request, StorageStatus.InvalidParameter);
        else if (header.Operation == VstorOperation.ExecuteSrb)
            Execute(packet, request);
        else if (!VstorMessages.IsHostBound(header.Operation, IsPrimary))
            Refuse(request, StorageStatus.InvalidDeviceRequest);
        else if (header.Operation is VstorOperation.ResetBus or VstorOperation.ResetAdapter or VstorOperation.ResetLun)
            Reset(request);
        else
            Negotiate(header.Operation, request);
    }

    private void Execute(in RingPacket packet, StorageRequest request)
    {
        if (_session.Handshake.Phase != HandshakePhase.Ready)
        {
            SrbEncoder.WriteInvalid(request.Body);
            Refuse(request, StorageStatus.InvalidDeviceState);
            return;
        }

        _session.NoteCommand();
        if (!SrbDecoder.TryDecode(packet, _channel.Memory, _options.MaximumTransferBytes, request))
        {
            SrbEncoder.WriteInvalid(request.Body);
            Refuse(request, StorageStatus.InvalidParameter);
            return;
        }

        request.Initiator = _initiator;
        _counters.CommandStarted(request);
        if (request.IsTransfer) CountTransfer(request.Address);
        _channel.Execute(request);
    }

    private void Negotiate(VstorOperation operation, StorageRequest request)
    {
        StorageHandshake handshake = _session.Handshake;
        StorageStatus status = handshake.Handle(operation, request.Body);
        if (status != StorageStatus.Success)
        {
            Refuse(request, status);
            return;
        }

        // Forgotten before the answer, which lets the guest scan: what came before is found by the scan.
        if (operation == VstorOperation.BeginInitialization) _session.ForgetCommands();
        if (operation == VstorOperation.EndInitialization) _noticeWanted = false;
        Answer(request, status);
        if (operation == VstorOperation.QueryProtocolVersion) _log.Negotiated(_channel.Id, handshake.Version);
        if (operation == VstorOperation.CreateSubchannels) _channel.OfferSubchannels(handshake.Subchannels);
    }

    private void Reset(StorageRequest request)
    {
        if (_session.Handshake.Phase != HandshakePhase.Ready)
        {
            Refuse(request, StorageStatus.InvalidDeviceState);
            return;
        }

        _counters.ResetStarted();
        _log.ResetStarted(_channel.Id, _counters.InFlight);
        StorageReset.Start(this, request, _session.Channels());
    }

    private void Refuse(StorageRequest request, StorageStatus status)
    {
        _counters.RequestRefused();
        _log.RequestRefused(_channel.Id, status);
        Answer(request, status);
    }

    private void Answer(StorageRequest request, StorageStatus status)
    {
        if (!request.WantsAnswer)
        {
            Free(request);
            return;
        }

        new VstorHeader(VstorOperation.CompleteIo, 0, status).Write(request.Packet);
        if (_unsentFirst is null && TrySend(request))
        {
            Free(request);
            return;
        }

        _counters.RingWasFull();
        if (_unsentLast is null) _unsentFirst = request;
        else _unsentLast.Next = request;
        _unsentLast = request;
    }

    private bool TrySend(StorageRequest request) => _channel.TrySend(PacketType.Completion, request.Packet, request.TransactionId);

    private void SendUnsent()
    {
        while (_unsentFirst is { } request && TrySend(request))
        {
            _unsentFirst = request.Next;
            if (_unsentFirst is null) _unsentLast = null;
            Free(request);
        }
    }

    private void Free(StorageRequest request)
    {
        _pool.Return(request);
        if (_reset is null) Unstall();
    }

    private PacketVerdict Stall()
    {
        _stalled = true;
        return PacketVerdict.Busy;
    }

    private void Unstall()
    {
        if (!_stalled || _closing) return;
        _stalled = false;
        _channel.Resume();
    }

    private void CountTransfer(ScsiAddress unit)
    {
        _transfers++;
        _transferUnit ??= unit;
        _severalUnits |= _transferUnit != unit;
    }

    // While transfers are in flight their completions look at the ring, so the guest may skip its signals. Nothing is to wait unseen
    // behind a flush or a discard, which may take long, nor behind another unit, whose disk may have stalled.
    private void UpdateExpectation()
    {
        bool expecting = !_closing && !_severalUnits && _transfers >= _options.ExpectCompletionsAt && _transfers == _counters.InFlight;
        if (expecting == _expecting) return;
        _expecting = expecting;
        _channel.ExpectsCompletions = expecting;
    }

    private void ReportQuiet()
    {
        if (_reset is null || _quiet || _counters.InFlight > 0 || (_unsentFirst is not null && !_closed)) return;
        _quiet = true;
        _reset.Arrived();
    }

    private void FinishClose()
    {
        if (_closed || _counters.InFlight > 0) return;
        _closed = true;
        ReportQuiet();
        _session.Remove(this);
        _pool.FreeAll();
        _channel.Closed();
    }
}
