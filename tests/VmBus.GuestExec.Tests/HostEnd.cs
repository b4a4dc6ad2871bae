using System.Net.Sockets;
using System.Text;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec.Tests;

/// <summary>The host's end of one connection to an exec service that runs on a thread of this process.</summary>
internal sealed class HostEnd : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly EventFd _stop = EventFd.Create();
    private readonly NetworkStream _stream;
    private readonly ExecFrameReader _received = new();
    private readonly Thread _server;
    private Exception? _failure;

    /// <summary>To a service for this connection alone.</summary>
    public HostEnd(ExecServerOptions? options = null)
        : this(null, options ?? new ExecServerOptions())
    {
    }

    /// <summary>To a server that others are connected to.</summary>
    public HostEnd(ExecServer server)
        : this(server, new ExecServerOptions())
    {
    }

    private HostEnd(ExecServer? server, ExecServerOptions options)
    {
        (LinuxFile guest, LinuxFile host) = UnixStream.CreatePair();
        _stream = new NetworkStream(new Socket(new SafeSocketHandle(host.Descriptor, ownsHandle: true)), ownsSocket: true);
        _stream.ReadTimeout = (int)Patience.TotalMilliseconds;
        _stream.WriteTimeout = (int)Patience.TotalMilliseconds;
        host.SetHandleAsInvalid();
        ExecServerOptions used = options with { Say = Keep, Warn = Keep };
        _server = new Thread(() => Serve(guest, server, used)) { IsBackground = true };
        _server.Start();
    }

    /// <summary>What the service has said.</summary>
    public List<string> Log { get; } = [];

    /// <summary>A request for a shell's script.</summary>
    public static ExecRequest Shell(string script, ExecRequestFlags flags = 0) => new() { Flags = flags, Arguments = ["sh", "-c", script], Window = new ExecWindowSize(33, 111) };

    public void Send(GuestBoundFrame type, ReadOnlySpan<byte> payload = default)
    {
        byte[] frame = new byte[ExecFrameHeader.Size + payload.Length];
        new ExecFrameHeader(payload.Length, (byte)type).Write(frame);
        payload.CopyTo(frame.AsSpan(ExecFrameHeader.Size));
        SendRaw(frame);
    }

    public void SendRaw(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public void Request(ExecRequest request)
    {
        byte[] payload = new byte[ExecProtocol.MaximumPayloadBytes];
        Send(GuestBoundFrame.Request, payload.AsSpan(0, request.TryWrite(payload)));
    }

    public void Signal(ExecSignal signal)
    {
        byte[] payload = new byte[ExecSignalRequest.Size];
        new ExecSignalRequest(signal).Write(payload);
        Send(GuestBoundFrame.Signal, payload);
    }

    /// <summary>Requests a command and hears that it runs.</summary>
    /// <returns>Its process id.</returns>
    public int Start(ExecRequest request)
    {
        Request(request);
        (HostBoundFrame type, byte[] payload) = Receive();
        if (type != HostBoundFrame.Started || !ExecStarted.TryRead(payload, out ExecStarted started)) throw new IOException($"{type}: {Encoding.UTF8.GetString(payload)}");
        return (int)started.ProcessId;
    }

    /// <summary>The next frame.</summary>
    /// <exception cref="EndOfStreamException">The service has ended the connection.</exception>
    public (HostBoundFrame Type, byte[] Payload) Receive()
    {
        while (true)
        {
            switch (_received.TryTake(out byte type, out ReadOnlySpan<byte> payload))
            {
                case ExecFrameStatus.Taken:
                    return ((HostBoundFrame)type, payload.ToArray());
                case ExecFrameStatus.Corrupt:
                    throw new IOException("The service sent what is no frame.");
                case ExecFrameStatus.Incomplete:
                    break;
            }

            int count = _stream.Read(_received.Room().Span);
            if (count == 0) throw new EndOfStreamException();
            _received.Added(count);
        }
    }

    /// <summary>Receives output until it has this text in it.</summary>
    public string ReceiveUntil(string text)
    {
        var output = new StringBuilder();
        while (!output.ToString().Contains(text, StringComparison.Ordinal))
        {
            (HostBoundFrame type, byte[] payload) = Receive();
            if (type == HostBoundFrame.Output) output.Append(Encoding.UTF8.GetString(payload));
            else if (type != HostBoundFrame.InputTaken) throw new IOException($"{type} after '{output}'");
        }

        return output.ToString();
    }

    /// <summary>Receives everything to the last frame.</summary>
    public Ending Finish()
    {
        using var output = new MemoryStream();
        using var errors = new MemoryStream();
        int taken = 0;
        while (true)
        {
            (HostBoundFrame type, byte[] payload) = Receive();
            switch (type)
            {
                case HostBoundFrame.Output:
                    output.Write(payload);
                    break;
                case HostBoundFrame.ErrorOutput:
                    errors.Write(payload);
                    break;
                case HostBoundFrame.InputTaken when ExecInputTaken.TryRead(payload, out ExecInputTaken frame):
                    taken += frame.Bytes;
                    break;
                case HostBoundFrame.Exited when ExecExited.TryRead(payload, out ExecExited exited):
                    return new Ending($"exited {exited.Status}", output.ToArray(), errors.ToArray(), taken);
                case HostBoundFrame.Killed when ExecKilled.TryRead(payload, out ExecKilled killed):
                    return new Ending($"killed {killed.Signal}", output.ToArray(), errors.ToArray(), taken);
                case HostBoundFrame.Error when ExecError.TryRead(payload, out ExecError error):
                    return new Ending($"{error.Code}: {error.Text}", output.ToArray(), errors.ToArray(), taken);
                default:
                    throw new IOException($"The service sent {type}.");
            }
        }
    }

    /// <summary>The host is gone.</summary>
    public void Disconnect() => _stream.Dispose();

    /// <summary>The service is to stop.</summary>
    public void Stop() => _stop.Signal();

    /// <summary>Waits until the service is done with the connection.</summary>
    public void WaitForServer()
    {
        if (!_server.Join(Patience)) throw new TimeoutException("The service does not end.");
        if (_failure is not null) throw new InvalidOperationException("The service failed.", _failure);
    }

    public void Dispose()
    {
        Disconnect();
        WaitForServer();
        _stop.Dispose();
    }

    private void Keep(string line)
    {
        lock (Log) Log.Add(line);
    }

    private void Serve(LinuxFile connection, ExecServer? server, ExecServerOptions options)
    {
        try
        {
            if (server is null) ExecServer.Serve(connection, options, _stop);
            else server.Begin(connection, VsockSocket.HostId);
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }
}

/// <summary>How a command has ended, and what it has written.</summary>
internal sealed record Ending(string How, byte[] Output, byte[] ErrorOutput, int InputTaken)
{
    public string Text => Encoding.UTF8.GetString(Output);

    public string ErrorText => Encoding.UTF8.GetString(ErrorOutput);
}
