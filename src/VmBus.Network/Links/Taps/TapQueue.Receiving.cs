using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;

namespace VmBus.Network.Links.Taps;

// Frames to the guest.
internal sealed partial class TapQueue
{
    private const int SmallestBatch = 4;
    private const int EthernetHeader = 14;

    // The longest frame that the kernel hands over unsegmented, with room for a VLAN tag.
    private const int LongestFrame = 65536 + EthernetHeader + 4;

    private readonly FrameBuffer?[] _reads = new FrameBuffer?[FramesPerTurn];
    private readonly BounceBuffer _scratch = new(VirtioNetHeader.Bytes + LongestFrame);

    // One byte behind every buffer: a frame that reaches it was longer than the buffer. What is written here is never read.
    private readonly BounceBuffer _spill = new(1);
    private TapDevice? _readDevice;
    private int _readsInFlight;
    private int _batch = SmallestBatch;
    private int _batchFrames;
    private bool _sawEmpty;
    private bool _readable;
    private bool _starved;
    private bool _careful;
    private int _carefulFrames;

    private void BeCareful()
    {
        _careful = true;
        _carefulFrames = _link.QueueFrames;
    }

    private void Purge()
    {
        for (int i = _link.QueueFrames; i > 0 && ReadScratch() >= 0; i--)
        {
        }
    }

    // True when there may be more to do in the next turn.
    private bool Receive()
    {
        if (_device is null || !_readable || _starved || _readsInFlight > 0) return false;
        if (_careful) return ReceiveCarefully();
        _readable = false;
        _sawEmpty = false;
        _batchFrames = 0;
        _readDevice = _device;
        bool inRing = _ring && _link.KnowsNow;
        int wanted = inRing ? _batch : FramesPerTurn;
        for (int i = 0; i < wanted && !_sawEmpty; i++)
        {
            if (Rent() is not { } frame) break;
            frame.Data.TryAdd(_spill, 1);
            if (!inRing)
            {
                Finish(frame, LinuxFile.Read(_device, frame.Data.Address, frame.Data.Count, -1, 0));
                continue;
            }

            if (!_lane.TryReadNow(_device, frame.Data.Address, frame.Data.Count, this, WriteSlots + i))
            {
                frame.Data.Truncate(frame.Data.Bytes - 1);
                _receiver.Return(frame);
                // The lane's slots are others' for the moment.
                _readable = true;
                return _readsInFlight == 0;
            }

            _reads[i] = frame;
            _readsInFlight++;
        }

        if (inRing) return false;
        return EndBatch();
    }

    private void ReadEnded(int slot, int result)
    {
        FrameBuffer frame = _reads[slot]!;
        _reads[slot] = null;
        _readsInFlight--;
        Finish(frame, result);
        if (_readsInFlight > 0) return;
        _batch = _sawEmpty ? Math.Max(SmallestBatch, _batchFrames) : Math.Min(FramesPerTurn, _batch * 2);
        if (EndBatch()) _lane.Schedule(this);
    }

    // True when more may be waiting.
    private bool EndBatch()
    {
        // Also when a buffer was missing: those given back may be what it waits for.
        if (_batchFrames > 0 || _starved) _receiver.EndBatch();
        if (_sawEmpty || _starved) return false;
        return _readable = true;
    }

    // What a read brought.
    private void Finish(FrameBuffer frame, int result)
    {
        frame.Data.Truncate(frame.Data.Bytes - 1);
        if (result < 0)
        {
            _sawEmpty = true;
            _receiver.Return(frame);
            // A device without its interface stays readable for ever; the link brings another.
            if (result != -Errno.EAGAIN && ReferenceEquals(_readDevice, _device)) EndWatch();
            return;
        }

        _batchFrames++;
        if (result > frame.Data.Bytes || result < VirtioNetHeader.Bytes + EthernetHeader)
        {
            _tally.ReceiveTooLong += result > frame.Data.Bytes ? 1 : 0;
            _receiver.Return(frame);
        }
        else if (_careful && !IsWanted(frame))
        {
            // The filter changed while the kernel was reading.
            _tally.ReceiveFiltered++;
            _receiver.Return(frame);
        }
        else
        {
            Deliver(frame, result - VirtioNetHeader.Bytes);
        }
    }

    private bool ReceiveCarefully()
    {
        FrameBuffer? frame = null;
        int delivered = 0;
        bool empty = false;
        for (int left = FramesPerTurn; left > 0 && !empty; left--)
        {
            frame ??= Rent();
            if (frame is null) break;
            int result = ReadScratch();
            if (result < 0)
            {
                empty = true;
                _readable = false;
                _careful = false;
                if (result != -Errno.EAGAIN) EndWatch();
                continue;
            }

            if (--_carefulFrames <= 0) _careful = false;
            if (result < VirtioNetHeader.Bytes + EthernetHeader) continue;
            ReadOnlySpan<byte> bytes = _scratch.Data[..result];
            if (!_link.Filter.Accepts(MacAddress.Read(bytes[VirtioNetHeader.Bytes..])))
            {
                _tally.ReceiveFiltered++;
            }
            else if (result > frame.Data.Bytes)
            {
                _tally.ReceiveTooLong++;
            }
            else
            {
                frame.Data.CopyFrom(bytes);
                Deliver(frame, result - VirtioNetHeader.Bytes);
                frame = null;
                delivered++;
            }
        }

        if (frame is not null) _receiver.Return(frame);
        if (delivered > 0 || _starved) _receiver.EndBatch();
        return _readable && !_starved;
    }

    private int ReadScratch() => LinuxFile.Read(_device!, _scratch.Vector(_scratch.Bytes), 1, -1, 0);

    private FrameBuffer? Rent()
    {
        if (_receiver.Rent() is { } frame) return frame;
        _starved = true;
        _readable = false;
        _watch?.Change(LaneReadiness.None);
        return null;
    }

    private bool IsWanted(FrameBuffer frame)
    {
        Span<byte> destination = stackalloc byte[MacAddress.Bytes];
        frame.CopyTo(destination);
        return _link.Filter.Accepts(MacAddress.Read(destination));
    }

    private void Deliver(FrameBuffer frame, int bytes)
    {
        // Offloads too may have been taken back after the kernel made the frame.
        if (!CanTake(frame.Header))
        {
            _tally.ReceiveFiltered++;
            _receiver.Return(frame);
            return;
        }

        _tally.Received(bytes);
        if (_link.Capture is { } capture) capture.Add(_capture.AdapterIn(capture, _link.CaptureName), FrameDirection.Inbound, frame, bytes);
        _receiver.Receive(frame, bytes);
    }

    private bool CanTake(in VirtioNetHeader header)
    {
        if ((header.Flags & VirtioNetFlags.NeedsChecksum) == 0 && header.Segmentation == VirtioNetSegmentation.None) return true;
        LinkOffloads needed = LinkOffloads.Checksum | (header.Segmentation & ~VirtioNetSegmentation.CongestionMark) switch
        {
            VirtioNetSegmentation.None => LinkOffloads.None,
            VirtioNetSegmentation.Tcp4 => LinkOffloads.Tcp4Segmentation,
            VirtioNetSegmentation.Tcp6 => LinkOffloads.Tcp6Segmentation,
            VirtioNetSegmentation.Udp or VirtioNetSegmentation.UdpSegmentation => LinkOffloads.UdpSegmentation,
            _ => LinkOffloads.UdpSegmentation,
        };
        return (_link.ReceiveOffloads & needed) == needed;
    }
}
