using System.Diagnostics;
using System.Text;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Pcapng;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Tracing;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tracing;

/// <summary>What a bus does, written down as a pcapng file that one reader takes piece by piece while it grows.</summary>
/// <remarks>
/// Lanes add records and never wait: they fill one half of the memory while the other half is read, and what does not fit is counted, in the file
/// too. Records are in the order of their time stamps. <see cref="ReadAsync"/> belongs to one reader at a time, all other members may be called
/// from any thread. Source: protocol-spec/trace.md.
/// </remarks>
public sealed class BusTrace : IDisposable
{
    private readonly BusTraceOptions _options;
    private readonly Action<BusTrace> _ended;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _work = new(0);
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly ulong _beganAt = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
    private byte[] _filling;
    private byte[] _reading;
    private int _filled;
    private long _recorded;
    private long _lost;
    private ulong _lostBefore;
    private bool _isFinished;
    private bool _isClosed;
    private bool _isDisposed;

    internal BusTrace(BusTraceOptions options, Action<BusTrace> ended)
    {
        bool isPossible = options.BufferBytes is >= BusTraceOptions.LeastBufferBytes and <= BusTraceOptions.MostBufferBytes
            && options.SnapBytes is >= PacketDescriptor.Size and <= BusTraceOptions.MostSnapBytes
            && options.MaximumRecords > 0;
        if (!isPossible) throw new ArgumentOutOfRangeException(nameof(options), options, "A limit of the trace is beyond what may be.");
        (_options, _ended) = (options, ended);
        _filling = new byte[options.BufferBytes / 2];
        _reading = new byte[options.BufferBytes / 2];
        _filled = PcapngBlock.WriteSection(_filling);
        _filled += PcapngBlock.WriteInterface(_filling.AsSpan(_filled), TraceHeader.LinkType, TraceHeader.Size + options.SnapBytes, Encoding.UTF8.GetBytes(options.Name));
        _work.Release();
    }

    /// <summary>Records that were made.</summary>
    public long Recorded
    {
        get
        {
            lock (_gate) return _recorded;
        }
    }

    /// <summary>Records that were not, because those before them were not read in time.</summary>
    public long Lost
    {
        get
        {
            lock (_gate) return _lost;
        }
    }

    /// <summary>The next bytes of the file, whole blocks of it; waits for them.</summary>
    /// <returns>Valid until the next call; empty when the trace has ended and everything was read.</returns>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_filled == 0 && _isFinished && !_isClosed)
                {
                    _isClosed = true;
                    _filled = PcapngBlock.WriteStatistics(_filling, 0, Now(), (ulong)(_recorded + _lost), (ulong)_lost);
                }

                if (_filled > 0)
                {
                    int bytes = _filled;
                    (_filling, _reading, _filled) = (_reading, _filling, 0);
                    return _reading.AsMemory(0, bytes);
                }

                if (_isClosed) return default;
            }

            await _work.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Records nothing any more. What was recorded can still be read, and the counts come behind it.</summary>
    public void Finish()
    {
        lock (_gate) End();
    }

    /// <summary>Ends the trace; nobody reads it any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            End();
        }

        _ended(this);
        _work.Dispose();
    }

    internal void AddMessage(TraceDirection direction, ProtocolVersion version, ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (!TryBegin(message.Length, out Span<byte> body)) return;
            message.CopyTo(body);
            Add(new TraceHeader(TraceKind.Message, direction, 0, 0, OfferFlags.None, version, default), message.Length, message.Length);
        }
    }

    internal void AddPacket(
        TraceSource source, TraceDirection direction, ProtocolVersion version, in PacketDescriptor descriptor, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        if (!Takes(source)) return;
        int kept = Math.Min(descriptor.TotalBytes, _options.SnapBytes);
        lock (_gate)
        {
            if (!TryBegin(kept, out Span<byte> body)) return;
            body = body[..kept];
            descriptor.Write(body);
            Span<byte> rest = Append(Append(body[PacketDescriptor.Size..], header), payload);
            // What pads the packet.
            rest.Clear();
            Add(Header(TraceKind.Packet, direction, source, version), kept, descriptor.TotalBytes);
        }
    }

    internal void AddChannel(TraceSource source, ProtocolVersion version, in TracedChannel channel)
    {
        lock (_gate)
        {
            if (!TryBegin(TracedChannel.Size, out Span<byte> body)) return;
            channel.Write(body);
            Add(Header(TraceKind.Channel, TraceDirection.None, source, version), TracedChannel.Size, TracedChannel.Size);
        }
    }

    internal void AddSignal(TraceSource source, TraceDirection direction, ProtocolVersion version, uint processor)
    {
        if (!Takes(source)) return;
        lock (_gate)
        {
            if (!TryBegin(sizeof(uint), out Span<byte> body)) return;
            WriteUInt32LittleEndian(body, processor);
            Add(Header(TraceKind.Signal, direction, source, version), sizeof(uint), sizeof(uint));
        }
    }

    internal void AddRings(TraceSource source, ProtocolVersion version, in TracedRings rings)
    {
        if (!Takes(source)) return;
        lock (_gate)
        {
            if (!TryBegin(TracedRings.Size, out Span<byte> body)) return;
            rings.Write(body);
            Add(Header(TraceKind.Rings, TraceDirection.None, source, version), TracedRings.Size, TracedRings.Size);
        }
    }

    private static TraceHeader Header(TraceKind kind, TraceDirection direction, TraceSource source, ProtocolVersion version)
        => new(kind, direction, source.ChannelId, (ushort)source.SubchannelIndex, source.Flags, version, source.InterfaceType);

    private static Span<byte> Append(Span<byte> rest, ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(rest.Length, bytes.Length);
        bytes[..count].CopyTo(rest);
        return rest[count..];
    }

    private bool Takes(TraceSource source) => _options.Rings && _options.Takes?.Invoke(source.ChannelId, source.InterfaceType, source.Flags) != false;

    // Under the gate, as Add and End.
    private bool TryBegin(int bytes, out Span<byte> body)
    {
        body = default;
        if (_isFinished) return false;
        if (PcapngBlock.PacketOverheadBytes + TraceHeader.Size + bytes > _filling.Length - _filled)
        {
            _lost++;
            _lostBefore++;
            return false;
        }

        body = _filling.AsSpan(_filled + PcapngBlock.PacketHeaderBytes + TraceHeader.Size);
        return true;
    }

    private void Add(in TraceHeader header, int kept, int bytes)
    {
        Span<byte> block = _filling.AsSpan(_filled);
        header.Write(block[PcapngBlock.PacketHeaderBytes..]);
        int length = PcapngBlock.FinishPacket(
            block, 0, Now(), TraceHeader.Size + kept, TraceHeader.Size + bytes, header.Direction == TraceDirection.FromHost, _lostBefore);
        _lostBefore = 0;
        if (_filled == 0) _work.Release();
        _filled += length;
        if (++_recorded == _options.MaximumRecords) End();
    }

    private void End()
    {
        if (_isFinished) return;
        _isFinished = true;
        _work.Release();
    }

    // One clock that goes forward, whatever happens to the host's.
    private ulong Now() => _beganAt + (ulong)Stopwatch.GetElapsedTime(_began).Ticks * TimeSpan.NanosecondsPerTick;
}
