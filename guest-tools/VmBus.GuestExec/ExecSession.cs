using System.Diagnostics;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>One connection of the host, from its request to the command's end. One thread, which waits in one place. Source: protocol-spec/exec.md#states.</summary>
/// <remarks>
/// The command's output is read when there is room to send it, so a host that does not read stops the command and takes no memory. The host is always read:
/// what it may send is bounded by <see cref="ExecProtocol.InputWindowBytes"/>.
/// </remarks>
internal sealed class ExecSession : IDisposable
{
    // For the host to read the last frame and close; then it has no more use for it.
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(10);

    private readonly LinuxFile _connection;
    private readonly ExecServerOptions _options;
    private readonly EventFd _stop;
    private readonly PollSet _poll = new();
    private readonly ExecFrameReader _received = new();
    private readonly FrameQueue _sending = new();

    public ExecSession(LinuxFile connection, ExecServerOptions options, EventFd stop)
    {
        _connection = connection;
        _options = options;
        _stop = stop;
    }

    /// <summary>Serves the connection to its end.</summary>
    public void Run()
    {
        try
        {
            if (ReceiveRequest() is not { } request) return;
            var setting = CommandSetting.Of(request);
            using var command = RunningCommand.Start(request, setting);
            _options.Say($"exec: '{Path.GetFileName(request.Arguments[0])}' runs for the host as {setting.User.Name} ({command.Process})");
            var carrier = new CommandCarrier(command, _connection, _received, _sending, _poll, _stop);
            bool ended = carrier.Run();
            _options.Say($"exec: {command.Process}: {(ended ? carrier.Outcome : "its connection is gone, and it is ended")}");
            if (!ended) End(command);
        }
        catch (ExecRefusedException refusal)
        {
            _options.Warn($"exec: refused: {refusal.Message}");
            _sending.Add(new ExecError(refusal.Code, refusal.Message));
        }

        TakeLeave();
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    // Null when the host left without one, or the service stops.
    private ExecRequest? ReceiveRequest()
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            switch (_received.TryTake(out byte type, out ReadOnlySpan<byte> payload))
            {
                case ExecFrameStatus.Taken:
                    return Read(type, payload);
                case ExecFrameStatus.Corrupt:
                    throw new ExecRefusedException(ExecErrorCode.BadFrame, "the connection does not begin with a frame");
                case ExecFrameStatus.Incomplete:
                    break;
            }

            TimeSpan left = _options.RequestLimit - Stopwatch.GetElapsedTime(begun);
            if (left <= TimeSpan.Zero) throw new ExecRefusedException(ExecErrorCode.BadFrame, $"no request came within {_options.RequestLimit.TotalSeconds} s");
            if (!Wait(left, out bool readable)) return null;
            if (!readable) continue;
            int result = DescriptorIo.Read(_connection.Descriptor, _received.Room().Span);
            if (result > 0) _received.Added(result);
            else if (result != -Errno.EAGAIN) return null;
        }
    }

    private static ExecRequest Read(byte type, ReadOnlySpan<byte> payload)
    {
        if (type != (byte)GuestBoundFrame.Request || !ExecRequest.TryReadVersion(payload, out ushort version))
            throw new ExecRefusedException(ExecErrorCode.BadFrame, "the first frame is no request");
        if (version != ExecProtocol.Version)
            throw new ExecRefusedException(ExecErrorCode.Version, $"the request is of version {version}, and this guest speaks {ExecProtocol.Version}");
        return ExecRequest.TryRead(payload, out ExecRequest? request) ? request! : throw new ExecRefusedException(ExecErrorCode.BadFrame, "the request is malformed");
    }

    // Whoever is still in the command's group when its time is over ends with it.
    private void End(RunningCommand command)
    {
        const int SIGHUP = 1, SIGCONT = 18;
        command.HangUp();
        command.Process.TrySignal(SIGHUP);
        // One that is stopped hears of nothing else.
        command.Process.TrySignal(SIGCONT);
        _poll.Clear();
        _poll.Add(command.Process.End.Descriptor, read: true);
        _poll.Wait((int)_options.HangUpLimit.TotalMilliseconds);
    }

    // Everything is sent, then the host closes first: closing with something unread might cost it what is on its way.
    private void TakeLeave()
    {
        long begun = Stopwatch.GetTimestamp();
        bool ended = false;
        Span<byte> ignored = stackalloc byte[512];
        while (_sending.WriteTo(_connection))
        {
            if (_sending.IsEmpty && !ended)
            {
                UnixSocket.EndSending(_connection);
                ended = true;
            }

            TimeSpan left = FarewellLimit - Stopwatch.GetElapsedTime(begun);
            if (left <= TimeSpan.Zero || !Wait(left, out bool readable)) return;
            if (readable && DescriptorIo.Read(_connection.Descriptor, ignored) is 0 or (< 0 and not -Errno.EAGAIN)) return;
        }
    }

    // False when the service stops.
    private bool Wait(TimeSpan limit, out bool readable)
    {
        _poll.Clear();
        int stops = _poll.Add(_stop.Descriptor, read: true);
        int host = _poll.Add(_connection.Descriptor, read: true, write: !_sending.IsEmpty);
        _poll.Wait((int)limit.TotalMilliseconds + 1);
        readable = _poll.IsReadable(host);
        return !_poll.IsReadable(stops);
    }
}
