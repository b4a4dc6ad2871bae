using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>Carries bytes and signals between the host and a command that runs, until one of them ends. One thread.</summary>
internal sealed class CommandCarrier
{
    // Of what the command's children write after its end: a pipe holds at most this (fs.pipe-max-size), and what it had written itself is first.
    private const int MaximumLateBytes = 1 << 20;
    private const byte EndOfFile = 4;

    private readonly RunningCommand _command;
    private readonly LinuxFile _connection;
    private readonly ExecFrameReader _received;
    private readonly FrameQueue _sending;
    private readonly PollSet _poll;
    private readonly EventFd _stop;
    private readonly ByteQueue _input = new(ExecProtocol.InputWindowBytes);
    private LinuxFile? _output;
    private LinuxFile? _errorOutput;
    private LinuxFile? _writesTo;
    private bool _inputEnded;
    private bool _ended;
    private int _taken;
    private int _late;
    private byte _lastTyped = (byte)'\n';

    public CommandCarrier(RunningCommand command, LinuxFile connection, ExecFrameReader received, FrameQueue sending, PollSet poll, EventFd stop)
    {
        _command = command;
        _connection = connection;
        _received = received;
        _sending = sending;
        _poll = poll;
        _stop = stop;
        _output = command.Output;
        _errorOutput = command.ErrorOutput;
        _writesTo = command.Input;
    }

    /// <summary>How the command ended, for people; set when <see cref="Run"/> has returned true.</summary>
    public string Outcome { get; private set; } = "";

    /// <summary>Carries.</summary>
    /// <returns>Whether the command has ended and the host will hear of it; false when the connection is gone or the service stops.</returns>
    /// <exception cref="ExecRefusedException">The host says what makes no sense. The command still runs.</exception>
    public bool Run()
    {
        _sending.Add(new ExecStarted(ExecProtocol.Version, (uint)_command.Process.ProcessId));
        while (true)
        {
            // What came together with what was read before.
            TakeFrames();
            PassInput();
            if (!_sending.WriteTo(_connection)) return false;
            _poll.Clear();
            int stops = _poll.Add(_stop.Descriptor, read: true);
            int host = _poll.Add(_connection.Descriptor, read: true, write: !_sending.IsEmpty);
            int end = _poll.Add(_command.Process.End.Descriptor, read: !_ended);
            bool room = _sending.HasRoomForOutput;
            int output = _poll.Add(_output?.Descriptor ?? -1, read: room);
            int errorOutput = _poll.Add(_errorOutput?.Descriptor ?? -1, read: room);
            int input = _poll.Add(_writesTo?.Descriptor ?? -1, read: false, write: _input.Count > 0 || _inputEnded);
            // After the end there is nothing to wait for but room.
            _poll.Wait(_ended && room ? 0 : -1);
            if (_poll.IsReadable(stops) || (_poll.IsReadable(host) && !Receive())) return false;
            if (!_ended && _poll.IsReadable(end)) _ended = true;
            // After the end everything is there, whether or not others still hold the other end.
            if (_ended || _poll.IsReadable(errorOutput)) PassOutput(ref _errorOutput, HostBoundFrame.ErrorOutput);
            if (_ended || _poll.IsReadable(output)) PassOutput(ref _output, HostBoundFrame.Output);
            if (_poll.IsWritable(input)) PassInput();
            if (!_ended || _output is not null || _errorOutput is not null) continue;
            Conclude();
            return true;
        }
    }

    private bool Receive()
    {
        int result = DescriptorIo.Read(_connection.Descriptor, _received.Room().Span);
        if (result > 0) _received.Added(result);
        return result > 0 || result == -Errno.EAGAIN;
    }

    private void TakeFrames()
    {
        while (true)
        {
            switch (_received.TryTake(out byte type, out ReadOnlySpan<byte> payload))
            {
                case ExecFrameStatus.Incomplete:
                    return;
                case ExecFrameStatus.Taken when TryHandle((GuestBoundFrame)type, payload):
                    continue;
                default:
                    throw new ExecRefusedException(ExecErrorCode.BadFrame, $"a frame of type {type} and {payload.Length} bytes makes no sense here");
            }
        }
    }

    private bool TryHandle(GuestBoundFrame type, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case GuestBoundFrame.Input:
                return TryTakeInput(payload);
            case GuestBoundFrame.InputEnd:
                if (payload.Length > 0 || _inputEnded) return false;
                _inputEnded = true;
                return true;
            case GuestBoundFrame.Signal:
                if (!ExecSignalRequest.TryRead(payload, out ExecSignalRequest request)) return false;
                _command.Process.TrySignal((int)request.Signal);
                return true;
            case GuestBoundFrame.WindowSize:
                if (!ExecWindowSize.TryRead(payload, out ExecWindowSize size)) return false;
                _command.Resize(size);
                return true;
            default:
                return false;
        }
    }

    private bool TryTakeInput(ReadOnlySpan<byte> bytes)
    {
        // Input that was taken and not acknowledged yet counts: the host has not heard that it may send more.
        if (_inputEnded || _command.Input is null || bytes.Length > ExecProtocol.InputWindowBytes - _input.Count - _taken) return false;
        if (_writesTo is null)
        {
            // The command has closed its input: the host goes on as if somebody read it.
            _taken += bytes.Length;
            return true;
        }

        bytes.CopyTo(_input.Room());
        _input.Added(bytes.Length);
        return true;
    }

    private void PassInput()
    {
        if (_writesTo is not null && _input.Count > 0)
        {
            int result = DescriptorIo.Write(_writesTo.Descriptor, _input.Content);
            if (result > 0)
            {
                _lastTyped = _input.Content[result - 1];
                Take(result);
            }
            else if (result != -Errno.EAGAIN)
            {
                CloseInput();
            }
        }

        if (_inputEnded && _writesTo is not null && _input.Count == 0) EndInput();
        // Not for every few bytes: a quarter of the window is enough to keep the host going.
        if (_taken == 0 || !_sending.HasRoomForInputTaken || (_taken < ExecProtocol.InputWindowBytes / 4 && _input.Count > 0)) return;
        _sending.Add(new ExecInputTaken(_taken));
        _taken = 0;
    }

    // A terminal ends by a character, which within a line only ends the line.
    private void EndInput()
    {
        if (_command.HasTerminal)
        {
            ReadOnlySpan<byte> end = [EndOfFile, EndOfFile];
            if (DescriptorIo.Write(_writesTo!.Descriptor, _lastTyped == (byte)'\n' ? end[..1] : end) == -Errno.EAGAIN) return;
        }

        CloseInput();
    }

    private void CloseInput()
    {
        if (_input.Count > 0) Take(_input.Count);
        if (!_command.HasTerminal) _writesTo!.Dispose();
        _writesTo = null;
    }

    private void Take(int bytes)
    {
        _input.Take(bytes);
        _taken += bytes;
    }

    private void PassOutput(ref LinuxFile? from, HostBoundFrame type)
    {
        if (from is null || !_sending.HasRoomForOutput) return;
        int result = _sending.AddOutput(type, from);
        if (result > 0)
        {
            if (_ended) _late += result;
            if (_late < MaximumLateBytes) return;
        }
        else if (result == -Errno.EAGAIN && !_ended)
        {
            return;
        }

        // Its end, which of a terminal is an error; or all that was there at the command's end.
        from = null;
    }

    private void Conclude()
    {
        (int status, int signal) = _command.Process.Reap();
        if (signal != 0) _sending.Add(new ExecKilled(signal));
        else _sending.Add(new ExecExited(status));
        Outcome = signal != 0 ? $"was ended by signal {signal}" : $"has ended with status {status}";
    }
}
