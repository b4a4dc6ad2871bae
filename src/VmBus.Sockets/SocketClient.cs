using VmBus.Lanes;
using VmBus.Native.Linux;

namespace VmBus.Sockets;

/// <summary>A program of the host that has connected and not said yet what it wants. Control lane only, except the timer.</summary>
internal sealed class SocketClient : ILaneHandler, IDisposable
{
    private readonly Lane _lane;
    private readonly LinuxFile _socket;
    private readonly Action<SocketClient, LinuxFile?, ConnectRequest> _decided;
    private readonly BounceBuffer _next = new(1);
    private readonly byte[] _line = new byte[ConnectRequest.MaximumBytes];
    private readonly LaneWatch _watch;
    private readonly Timer _patience;
    private int _length;
    private bool _done;

    /// <summary>Waits for the line.</summary>
    /// <param name="lane">The control lane, which is the caller's.</param>
    /// <param name="socket">The connection; it belongs to this object until it is handed on.</param>
    /// <param name="patience">How long the line may take.</param>
    /// <param name="decided">Called once: with the connection and what it wants, or without a connection when that was nothing sensible.</param>
    public SocketClient(Lane lane, LinuxFile socket, TimeSpan patience, Action<SocketClient, LinuxFile?, ConnectRequest> decided)
    {
        _lane = lane;
        _socket = socket;
        _decided = decided;
        _watch = lane.WatchReadiness(socket, LaneReadiness.Readable, this);
        _patience = new Timer(_ => PostGiveUp(), null, patience, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public bool Run()
    {
        if (_done) return false;
        // Byte by byte: what follows the line is for the guest, and must still be in the socket then.
        while (true)
        {
            int result = LinuxFile.Read(_socket, _next.Vector(1), 1, -1, 0);
            if (result == -Errno.EAGAIN) return false;
            if (result != 1) break;
            byte next = _next.Data[0];
            if (next == '\n')
            {
                if (!ConnectRequest.TryParse(_line.AsSpan(0, _length), out ConnectRequest request)) break;
                Finish();
                _decided(this, _socket, request);
                return false;
            }

            if (_length == _line.Length) break;
            _line[_length++] = next;
        }

        Dispose();
        return false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_done) return;
        Finish();
        _socket.Dispose();
        _decided(this, null, default);
    }

    private void Finish()
    {
        _done = true;
        _patience.Dispose();
        _watch.Dispose();
        _next.Dispose();
    }

    private void PostGiveUp()
    {
        try
        {
            _lane.Post(Dispose);
        }
        catch (ObjectDisposedException)
        {
            // The lane has ended, and took all its clients along.
        }
    }
}
