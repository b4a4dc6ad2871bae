using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;
using VmBus.Protocol.Pcapng;

namespace VmBus.Network.Frames;

/// <summary>Which way a captured frame went, as the guest sees it. Values are pcapng's.</summary>
public enum FrameDirection
{
    /// <summary>To the guest.</summary>
    Inbound = 1,

    /// <summary>From the guest.</summary>
    Outbound = 2,
}

/// <summary>Writes frames to a pcapng file that Wireshark and tcpdump open.</summary>
/// <remarks>
/// Any thread may add; nothing waits for the disk: frames go into a buffer that a thread of its own empties, and what does not fit is
/// counted in the file. Frames are as the link saw them: long ones are not yet segmented, and checksums may be missing.
/// Source: draft-ietf-opsawg-pcapng.
/// </remarks>
public sealed class FrameCapture : IDisposable
{
    // Some milliseconds of a fast link, so that a slow disk does not cost frames at once.
    private const int BufferBytes = 4 << 20;
    private const int MaximumFrame = 256 * 1024;
    private const ushort LinkTypeEthernet = 1;

    private readonly ILogger _logger;
    private readonly string _path;
    private readonly FileStream _file;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _work = new(false);
    private readonly Thread _writer;
    private byte[] _filling = new byte[BufferBytes];
    private byte[] _writing = new byte[BufferBytes];
    private int _filled;
    private int _interfaces;
    private ulong _lost;
    private ulong _lostInAll;
    private bool _ending;
    private bool _failed;

    private FrameCapture(string path, FileStream file, ILogger logger)
    {
        _path = path;
        _file = file;
        _logger = logger;
        _filled = PcapngBlock.WriteSection(_filling);
        _writer = new Thread(WriteOut) { Name = "capture", IsBackground = true };
        _writer.Start();
    }

    /// <summary>Frames that are not in the file because it could not be written fast enough.</summary>
    public long Lost
    {
        get
        {
            lock (_gate) return (long)_lostInAll;
        }
    }

    /// <summary>Creates the file, or empties it.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static FrameCapture Create(string path, ILogger logger) =>
        new(path, new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0), logger);

    /// <summary>Writes to a file that is open and empty, and takes it over.</summary>
    public static FrameCapture Take(string path, LinuxFile open, ILogger logger) =>
        new(path, new FileStream(new SafeFileHandle(open.Release(), ownsHandle: true), FileAccess.Write, bufferSize: 0), logger);

    /// <summary>Announces an adapter, by the name that the capture shows.</summary>
    /// <returns>The number to add its frames with.</returns>
    public int AddInterface(string name)
    {
        byte[] block = new byte[PcapngBlock.MaximumInterfaceBytes];
        int bytes = PcapngBlock.WriteInterface(block, LinkTypeEthernet, MaximumFrame, Encoding.UTF8.GetBytes(name));
        while (true)
        {
            lock (_gate)
            {
                // A description must be there before the frames that refer to it: one that does not fit waits, which frames never do.
                if (_failed || _ending) return _interfaces++;
                if (bytes <= BufferBytes - _filled)
                {
                    block.AsSpan(0, bytes).CopyTo(_filling.AsSpan(_filled));
                    _filled += bytes;
                    _work.Set();
                    return _interfaces++;
                }
            }

            Thread.Yield();
        }
    }

    /// <summary>Adds a frame. The guest may change it meanwhile: what is written is one copy of it.</summary>
    /// <param name="adapter">What <see cref="AddInterface"/> gave.</param>
    /// <param name="direction">Which way it went.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="bytes">Its length without the virtio header.</param>
    public void Add(int adapter, FrameDirection direction, FrameBuffer frame, int bytes)
    {
        int kept = Math.Min(bytes, MaximumFrame);
        lock (_gate)
        {
            if (!TryBegin(kept, out Span<byte> block)) return;
            int copied = frame.CopyTo(block.Slice(PcapngBlock.PacketHeaderBytes, kept));
            Finish(block, adapter, direction, copied, bytes);
        }
    }

    /// <summary>Adds a frame that lies in host memory.</summary>
    /// <param name="adapter">What <see cref="AddInterface"/> gave.</param>
    /// <param name="direction">Which way it went.</param>
    /// <param name="frame">The frame.</param>
    public void Add(int adapter, FrameDirection direction, ReadOnlySpan<byte> frame)
    {
        int kept = Math.Min(frame.Length, MaximumFrame);
        lock (_gate)
        {
            if (!TryBegin(kept, out Span<byte> block)) return;
            frame[..kept].CopyTo(block[PcapngBlock.PacketHeaderBytes..]);
            Finish(block, adapter, direction, kept, frame.Length);
        }
    }

    /// <summary>Writes what is left and closes the file.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_ending) return;
            _ending = true;
        }

        _work.Set();
        _writer.Join();
        _work.Dispose();
        _file.Dispose();
    }

    private bool TryBegin(int kept, out Span<byte> block)
    {
        block = default;
        if (_failed || _ending) return false;
        int bytes = PcapngBlock.PacketOverheadBytes + kept;
        if (bytes > BufferBytes - _filled)
        {
            _lost++;
            _lostInAll++;
            return false;
        }

        block = _filling.AsSpan(_filled, bytes);
        return true;
    }

    private void Finish(Span<byte> block, int adapter, FrameDirection direction, int kept, int bytes)
    {
        ulong time = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        int total = PcapngBlock.FinishPacket(block, adapter, time, kept, bytes, direction == FrameDirection.Outbound, _lost);
        _lost = 0;
        bool first = _filled == 0;
        _filled += total;
        if (first) _work.Set();
    }

    private void WriteOut()
    {
        bool ending = false;
        while (!ending)
        {
            _work.WaitOne();
            int bytes;
            lock (_gate)
            {
                ending = _ending;
                (_filling, _writing) = (_writing, _filling);
                bytes = _filled;
                _filled = 0;
            }

            try
            {
                _file.Write(_writing, 0, bytes);
            }
            catch (IOException failure)
            {
                lock (_gate) _failed = true;
                NetworkLog.CaptureFailed(_logger, _path, failure.Message);
                return;
            }
        }
    }
}
