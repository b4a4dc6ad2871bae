using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.DynamicMemory;

/// <summary>The host's end of the open channel: agrees with the driver, then brings the guest's memory to what is asked for, one step after the other.</summary>
/// <remarks>
/// On the channel's lane, except <see cref="Wake"/>. One request is on its way at a time: drivers do not tell answers apart. What takes the kernel
/// long is done beside the lane, and the channel stays open until it is done. Source: protocol-spec/dynamic-memory.md#requests.
/// </remarks>
internal sealed class DynamicMemoryEndpoint : IChannelEndpoint
{
    /// <summary>Pages that the guest is asked for at once: 32 MiB, so that it makes progress and is never far from stopping.</summary>
    public const int PagesPerRequest = 8192;

    /// <summary>A guest that has not answered for so long does not answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly uint[] _versions = [0x20000, 0x10000, 0x00003];

    private readonly DynamicMemoryProvider _provider;
    private readonly IMemoryChannel _channel;
    private readonly IMemorySource _memory;
    private readonly TimeProvider _clock;
    private readonly DynamicMemoryLog _log;
    private readonly Lock _gate = new();
    private readonly byte[] _message = new byte[DynamicMemoryHeader.MaximumBytes];
    private readonly List<PageRun> _given = [];
    private DynamicMemoryCapabilities _capabilities;
    private ITimer? _limit;
    private Step _step;
    private uint? _version;
    private uint _transaction;
    private long _hotAddBytes;

    // The block under way: the guest may name another size at any time.
    private long _addingBytes;
    private long _askedPages;
    private long _givenPages;
    private int _round;
    private bool _isReady;
    private bool _isOverdue;
    private bool _isClosed;

    public DynamicMemoryEndpoint(DynamicMemoryProvider provider, IMemoryChannel channel, IMemorySource memory, TimeProvider clock, DynamicMemoryLog log)
    {
        _provider = provider;
        _channel = channel;
        _memory = memory;
        _clock = clock;
        _log = log;
    }

    private enum Step
    {
        None,
        Balloon,
        Unballoon,
        HotAdd,

        // The host itself is at work.
        Aside,
    }

    /// <summary>What the guest is to have has changed. Any thread.</summary>
    public void Wake() => Post(Continue);

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (packet.Descriptor.Type != PacketType.DataInband || !DynamicMemoryHeader.TryRead(packet.Payload, out DynamicMemoryHeader header))
        {
            _log.Stray(_channel.Id, "it is no message, or lies about its length");
            return PacketVerdict.Taken;
        }

        ReadOnlySpan<byte> message = packet.Payload[..header.Bytes];
        string? fault = header.Type switch
        {
            DynamicMemoryMessageType.VersionRequest => OnVersion(message),
            DynamicMemoryMessageType.CapabilitiesReport => OnCapabilities(message),
            DynamicMemoryMessageType.StatusReport => OnStatus(message),
            DynamicMemoryMessageType.BalloonResponse when _step == Step.Balloon => OnBalloon(message),
            DynamicMemoryMessageType.UnballoonResponse when _step == Step.Unballoon => OnUnballoon(),
            DynamicMemoryMessageType.HotAddResponse when _step == Step.HotAdd => OnHotAdd(message),
            _ => "it answers nothing that was asked, or comes too late",
        };
        if (fault is not null) _log.Stray(_channel.Id, fault);
        return fault == GivenTwice ? PacketVerdict.Violation : PacketVerdict.Taken;
    }

    /// <inheritdoc/>
    public void EndBatch()
    {
    }

    /// <inheritdoc/>
    public void Close()
    {
        lock (_gate) _isClosed = true;
        _limit?.Dispose();
        if (_step != Step.Aside) End();
    }

    private const string GivenTwice = "it gives pages that are not there, that it has given already, or that nobody asked for";
    private const string Short = "it is too short";

    private string? OnVersion(ReadOnlySpan<byte> message)
    {
        if (!DynamicMemoryMessages.TryReadVersion(message, out uint version, out _)) return Short;
        bool isSpoken = _versions.Contains(version);
        if (isSpoken) _version = version;
        Answer(DynamicMemoryMessageType.VersionResponse, isSpoken ? 1u : 0);
        return null;
    }

    private string? OnCapabilities(ReadOnlySpan<byte> message)
    {
        if (_version is not { } version) return "it comes before a version is agreed on";
        if (!DynamicMemoryMessages.TryReadCapabilities(message, out _capabilities, out _hotAddBytes)) return Short;
        Answer(DynamicMemoryMessageType.CapabilitiesResponse, 1);
        if (!_isReady) _log.Ready(_channel.Id, version, _capabilities);
        _isReady = true;
        _provider.EndpointReady(version, _capabilities);
        return null;
    }

    private string? OnStatus(ReadOnlySpan<byte> message)
    {
        if (!MemoryStatus.TryRead(message, out MemoryStatus status)) return Short;
        _provider.Report(status);
        return null;
    }

    private string? OnBalloon(ReadOnlySpan<byte> message)
    {
        if (!DynamicMemoryMessages.TryReadRanges(message, out bool more, out int count)) return Short;
        for (int i = 0; i < count; i++)
        {
            PageRange range = PageRange.Read(message[(DynamicMemoryMessages.RangesOffset + (i * PageRange.Size))..]);
            var pages = new PageRun(range.FirstPage, (int)range.PageCount);
            _givenPages += pages.PageCount;
            if (_givenPages > _askedPages || !_provider.TryTake(pages)) return GivenTwice;
            _given.Add(pages);
        }

        if (more)
        {
            Await(Step.Balloon);
            return null;
        }

        if (_givenPages == 0)
        {
            EndStep();
            _provider.Stopped("the guest needs the rest itself");
            return null;
        }

        WorkAside(DiscardGiven);
        return null;
    }

    private string? OnUnballoon()
    {
        EndStep();
        Continue();
        return null;
    }

    private string? OnHotAdd(ReadOnlySpan<byte> message)
    {
        if (!DynamicMemoryMessages.TryReadHotAdd(message, out uint pages, out bool isFinal)) return Short;
        EndStep();
        if (pages >= _askedPages) Continue();
        else if (pages > 0) _provider.Stopped("the guest has used only a part of the memory that was added");
        else WorkAside(() => TakeBack(() => StopUnused(isFinal)));
        return null;
    }

    // One step towards what the guest is to have.
    private void Continue()
    {
        if (_isOverdue) _provider.Stopped("the guest has not answered what it was asked before");
        if (!_isReady || _step != Step.None || _provider.MissingPages() is not { } missing) return;
        if (missing < 0) AskForPages(-missing);
        else if (missing == 0) _provider.Reached();
        else if (!TryGiveBack(missing)) AddMemory(missing * Gpa.PageBytes);
    }

    private void AskForPages(long pages)
    {
        if ((_capabilities & DynamicMemoryCapabilities.Balloon) == 0)
        {
            _provider.Stopped("the guest's driver cannot give memory back");
            return;
        }

        _askedPages = Math.Min(pages, PagesPerRequest);
        _givenPages = 0;
        _given.Clear();
        DynamicMemoryMessages.WriteWord(_message, DynamicMemoryMessageType.BalloonRequest, ++_transaction, (ulong)_askedPages);
        if (!TryAsk(Step.Balloon, DynamicMemoryMessages.WordSize)) StopUnread();
    }

    private bool TryGiveBack(long pages)
    {
        Span<PageRange> ranges = stackalloc PageRange[DynamicMemoryMessages.MaximumRanges];
        int count = _provider.GiveBack(ranges, Math.Min(pages, PagesPerRequest));
        if (count == 0) return false;
        if (TryAsk(Step.Unballoon, DynamicMemoryMessages.WriteUnballoon(_message, ++_transaction, more: false, ranges[..count]))) return true;
        // The guest has not heard of them.
        foreach (PageRange range in ranges[..count]) _provider.TryTake(new PageRun(range.FirstPage, (int)range.PageCount));
        StopUnread();
        return true;
    }

    private void AddMemory(long bytes)
    {
        if (_memory.AddedBytes + _memory.StartBytes + _hotAddBytes > _memory.MaximumBytes || bytes < _hotAddBytes)
        {
            // As near as the guest's units allow.
            _provider.Reached();
            return;
        }

        if ((_capabilities & DynamicMemoryCapabilities.HotAdd) == 0)
        {
            _provider.Stopped("the guest's driver cannot use memory that is added while it runs");
            return;
        }

        _addingBytes = _hotAddBytes;
        WorkAside(AddAside);
    }

    private Action DiscardGiven()
    {
        try
        {
            foreach (PageRun pages in _given) _memory.Discard(pages);
        }
        catch (IOException exception)
        {
            // The guest does not use them all the same.
            return () => _provider.Stopped(exception.Message);
        }

        return Continue;
    }

    private Action AddAside()
    {
        PageRun? added;
        try
        {
            added = _memory.TryAdd(_addingBytes);
        }
        catch (IOException exception)
        {
            return () => _provider.Stopped(exception.Message);
        }

        if (added is not { } pages) return () => _provider.Stopped("there is no room for more");
        return () =>
        {
            _askedPages = pages.PageCount;
            var range = new PageRange(pages.FirstPage, (uint)pages.PageCount);
            DynamicMemoryMessages.WriteWord(_message, DynamicMemoryMessageType.HotAddRequest, ++_transaction, 0);
            range.Write(_message.AsSpan(DynamicMemoryHeader.Size));
            if (!TryAsk(Step.HotAdd, DynamicMemoryMessages.WordSize)) WorkAside(() => TakeBack(StopUnread));
        };
    }

    private Action TakeBack(Action then)
    {
        try
        {
            _memory.Take(_addingBytes);
        }
        catch (IOException exception)
        {
            return () => _provider.Stopped(exception.Message);
        }

        return then;
    }

    private void StopUnused(bool isFinal)
        => _provider.Stopped(isFinal ? "the guest does not use memory that is added while it runs" : "the guest cannot use more memory now");

    private void Answer(DynamicMemoryMessageType type, ulong word)
    {
        Span<byte> message = stackalloc byte[DynamicMemoryMessages.WordSize];
        DynamicMemoryMessages.WriteWord(message, type, ++_transaction, word);
        if (!_channel.TrySend(message)) _log.Stray(_channel.Id, "the guest does not read its answer");
    }

    private bool TryAsk(Step step, int bytes)
    {
        if (_channel.TrySend(_message.AsSpan(0, bytes)))
        {
            Await(step);
            return true;
        }

        EndStep();
        return false;
    }

    private void StopUnread() => _provider.Stopped("the guest does not read what it is asked");

    private void Await(Step step)
    {
        EndStep();
        _step = step;
        int round = _round;
        _limit = _clock.CreateTimer(_ => Post(() => GiveUp(round)), null, Patience, Timeout.InfiniteTimeSpan);
    }

    // Its answer may still come, and counts: a driver that is asked something else meanwhile loses what it was at.
    private void GiveUp(int round)
    {
        if (round != _round || _step == Step.None) return;
        _isOverdue = true;
        _provider.Stopped($"the guest has not answered for {Patience.TotalSeconds} s");
    }

    private void EndStep()
    {
        _limit?.Dispose();
        _limit = null;
        _round++;
        _isOverdue = false;
        _step = Step.None;
    }

    // What it returns runs on the lane.
    private void WorkAside(Func<Action> work)
    {
        EndStep();
        _step = Step.Aside;
        _ = Task.Run(() =>
        {
            Action then = work();
            _channel.Post(() =>
            {
                _step = Step.None;
                if (_isClosed) End();
                else then();
            });
        });
    }

    private void Post(Action work)
    {
        lock (_gate)
        {
            if (!_isClosed) _channel.Post(work);
        }
    }

    private void End()
    {
        _provider.EndpointClosed(this);
        _channel.Closed();
    }
}
