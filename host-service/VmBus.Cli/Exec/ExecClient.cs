using System.Runtime.InteropServices;
using VmBus.Cli.Options;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;
using VmBus.Protocol.Text;

namespace VmBus.Cli.Exec;

/// <summary>The host's end of a command in the guest: this process's input, outputs and signals are the command's. Source: protocol-spec/exec.md.</summary>
/// <remarks>
/// The caller's thread reads the connection, one more thread reads the input, and signals come on others; each sends whole frames. What the guest says is
/// checked as if it meant harm: it can write to the outputs and choose the exit status, and nothing else.
/// </remarks>
internal sealed class ExecClient
{
    private const int SIGPIPE = 13;
    private const int SignalStatus = 128;
    private const int NotExecutableStatus = 126;
    private const int NotFoundStatus = 127;

    private readonly Stream _guest;
    private readonly ExecStreams _streams;
    private readonly ExecFrameReader _received = new();
    private readonly Lock _sending = new();
    private readonly byte[] _frame = new byte[ExecFrameHeader.Size + ExecProtocol.MaximumPayloadBytes];
    private readonly ExecInput _input;
    private bool _started;
    private bool _hasTerminal;

    /// <summary>A command on a connection that nothing was said on.</summary>
    /// <param name="guest">The connection to the guest's exec service.</param>
    /// <param name="streams">What is the command's here.</param>
    public ExecClient(Stream guest, ExecStreams streams)
    {
        _guest = guest;
        _streams = streams;
        _input = new ExecInput(streams.Input, Send);
    }

    /// <summary>Runs the command to its end.</summary>
    /// <returns>The exit status for this process: the command's, or 128 and the signal that ended it, or 126 or 127 when the guest has no such program.</returns>
    /// <exception cref="UsageException">The command is too long.</exception>
    /// <exception cref="IOException">The guest did not start it, or its end was not told.</exception>
    public int Run(ExecRequest request)
    {
        _hasTerminal = (request.Flags & ExecRequestFlags.Terminal) != 0;
        byte[] payload = new byte[ExecProtocol.MaximumPayloadBytes];
        int bytes = request.TryWrite(payload);
        if (bytes == 0) throw new UsageException($"The command with its environment is too long or has a zero byte: {ExecProtocol.MaximumPayloadBytes} bytes can be sent.");
        Send(GuestBoundFrame.Request, payload.AsSpan(0, bytes));
        List<PosixSignalRegistration> signals = [];
        TerminalMode? raw = null;
        try
        {
            while (true)
            {
                while (_received.TryTake(out byte type, out ReadOnlySpan<byte> frame) is var status and not ExecFrameStatus.Incomplete)
                {
                    if (status == ExecFrameStatus.Corrupt) throw Nonsense();
                    if (Handle((HostBoundFrame)type, frame) is { } result) return result;
                    if (_started && signals.Count == 0)
                    {
                        if (_hasTerminal) raw = TerminalMode.TryEnterRaw(_streams.Input, rawOutput: true);
                        signals.AddRange(Register());
                        if ((request.Flags & ExecRequestFlags.Input) != 0) _input.Start();
                    }
                }

                _received.Added(Receive());
            }
        }
        catch (ReaderGoneException)
        {
            return SignalStatus + SIGPIPE;
        }
        finally
        {
            raw?.Dispose();
            foreach (PosixSignalRegistration signal in signals) signal.Dispose();
        }
    }

    private int Receive()
    {
        IOException? broken = null;
        try
        {
            if (_guest.Read(_received.Room().Span) is > 0 and var count) return count;
        }
        catch (IOException exception)
        {
            broken = exception;
        }

        throw new IOException("The connection to the guest has ended before the command has: the guest or its exec service has stopped.", broken);
    }

    // The exit status when this was the last frame.
    private int? Handle(HostBoundFrame type, ReadOnlySpan<byte> payload)
    {
        if (!_started && type is not (HostBoundFrame.Started or HostBoundFrame.Error)) throw Nonsense();
        switch (type)
        {
            case HostBoundFrame.Started when !_started && ExecStarted.TryRead(payload, out ExecStarted started) && started.Version == ExecProtocol.Version:
                _started = true;
                return null;
            case HostBoundFrame.Output:
                Write(_streams.Output, payload);
                return null;
            case HostBoundFrame.ErrorOutput:
                Write(_streams.ErrorOutput, payload);
                return null;
            case HostBoundFrame.InputTaken when ExecInputTaken.TryRead(payload, out ExecInputTaken taken) && _input.TryAllow(taken.Bytes):
                return null;
            case HostBoundFrame.Exited when ExecExited.TryRead(payload, out ExecExited exited):
                return exited.Status;
            case HostBoundFrame.Killed when ExecKilled.TryRead(payload, out ExecKilled killed):
                return SignalStatus + killed.Signal;
            case HostBoundFrame.Error when ExecError.TryRead(payload, out ExecError error):
                return Judge(error);
            default:
                throw Nonsense();
        }
    }

    private static int Judge(ExecError error)
    {
        string text = $"The guest: {PeerText.Escape(error.Text)}";
        if (error.Code is not (ExecErrorCode.NotFound or ExecErrorCode.NotExecutable)) throw new IOException(text);
        Console.Error.WriteLine($"vmbus: {text}");
        return error.Code == ExecErrorCode.NotFound ? NotFoundStatus : NotExecutableStatus;
    }

    private static IOException Nonsense() => new("The guest's exec service says what makes no sense: use one of this host's release.");

    private IEnumerable<PosixSignalRegistration> Register()
    {
        foreach (ExecSignal signal in new[] { ExecSignal.HangUp, ExecSignal.Interrupt, ExecSignal.Quit, ExecSignal.User1, ExecSignal.User2, ExecSignal.Terminate })
        {
            // A positive number is the system's own, and those of the contract are Linux's.
            yield return PosixSignalRegistration.Create((PosixSignal)(int)signal, context =>
            {
                context.Cancel = true;
                Span<byte> payload = stackalloc byte[ExecSignalRequest.Size];
                new ExecSignalRequest(signal).Write(payload);
                Send(GuestBoundFrame.Signal, payload);
            });
        }

        if (_hasTerminal) yield return PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => SendSize());
    }

    private void SendSize()
    {
        Span<byte> payload = stackalloc byte[ExecWindowSize.Size];
        _streams.Size().Write(payload);
        Send(GuestBoundFrame.WindowSize, payload);
    }

    // Any thread. When the connection is gone, whoever reads it hears of that.
    private void Send(GuestBoundFrame type, ReadOnlySpan<byte> payload)
    {
        lock (_sending)
        {
            new ExecFrameHeader(payload.Length, (byte)type).Write(_frame);
            payload.CopyTo(_frame.AsSpan(ExecFrameHeader.Size));
            try
            {
                _guest.Write(_frame, 0, ExecFrameHeader.Size + payload.Length);
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // The last frame may still be there to be read.
            }
        }
    }

    private static void Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int result = DescriptorIo.Write(descriptor, bytes);
            if (result == -Errno.EAGAIN)
            {
                // Another program has made it non-blocking.
                var poll = new PollSet();
                poll.Add(descriptor, read: false, write: true);
                poll.Wait(-1);
            }
            else if (result < 0)
            {
                throw new ReaderGoneException();
            }
            else
            {
                bytes = bytes[result..];
            }
        }
    }

    private sealed class ReaderGoneException : Exception;
}
