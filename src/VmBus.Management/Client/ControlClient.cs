using System.Net.Sockets;
using VmBus.Management.Framing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Management.Client;

/// <summary>One connection to a control socket. One caller at a time.</summary>
public sealed class ControlClient : IControlCaller, IAsyncDisposable
{
    private static readonly TimeSpan FrameLimit = TimeSpan.FromSeconds(30);

    private readonly NetworkStream _stream;
    private readonly FrameReader _reader;
    private readonly Queue<(string Name, ControlEvent Fields)> _events = new();
    private uint _lastId;

    private ControlClient(NetworkStream stream)
    {
        _stream = stream;
        _reader = new FrameReader(stream, FrameHeader.MaximumReplyBytes, FrameLimit);
    }

    /// <summary>Connects and agrees on a version.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="client">Program and version, for the server's logs.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="ControlException">Nobody listens there, the server refuses, or it speaks another version.</exception>
    public static async Task<ControlClient> ConnectAsync(string path, string client, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            socket.Dispose();
            string problem = exception is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
                ? "nobody answers there: the partition has ended"
                : exception.Message;
            throw new ControlException(ControlErrorCode.Failed, $"Control socket '{path}': {problem}.", exception);
        }

        var connection = new ControlClient(new NetworkStream(socket, ownsSocket: true));
        try
        {
            var hello = new HelloRequest(client, ControlProtocol.LeastVersion, ControlProtocol.MostVersion);
            _ = await connection.CallAsync(ControlProtocol.Hello, hello, cancellation).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<TResult> CallAsync<TParameters, TResult>(
        ControlVerb<TParameters, TResult> verb, TParameters parameters, CancellationToken cancellation)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        uint id = ++_lastId;
        ReadOnlyMemory<byte> request = ControlMessage.Request(id, verb.Name, parameters);
        try
        {
            await _stream.WriteAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (IOException) when (!cancellation.IsCancellationRequested)
        {
            // The server has closed; why is in what it sent before.
        }

        while (true)
        {
            ControlMessage message = await NextAsync(cancellation).ConfigureAwait(false) ?? throw Ended();
            if (message.Kind == MessageKind.Event)
            {
                _events.Enqueue((message.Name, message.ReadBody<ControlEvent>()));
                continue;
            }

            // An answer to no request is the server's last word.
            if (message.Error is { } error && (message.Id == id || message.Id == 0)) throw error;
            if (message.Kind != MessageKind.Response || message.Id != id)
                throw new ControlException(ControlErrorCode.BadMessage, "The server answers what was not asked.");
            return message.ReadBody<TResult>();
        }
    }

    /// <summary>The next event, after <see cref="ControlProtocol.FollowEvents"/> was called.</summary>
    /// <returns>Null when the server has ended the connection.</returns>
    public async Task<(string Name, ControlEvent Fields)?> NextEventAsync(CancellationToken cancellation)
    {
        if (_events.TryDequeue(out (string Name, ControlEvent Fields) waiting)) return waiting;
        ControlMessage? message = await NextAsync(cancellation).ConfigureAwait(false);
        if (message is null) return null;
        if (message.Error is { } error) throw error;
        return message.Kind == MessageKind.Event
            ? (message.Name, message.ReadBody<ControlEvent>())
            : throw new ControlException(ControlErrorCode.BadMessage, "The server answers what was not asked.");
    }

    /// <summary>Attaches the console.</summary>
    /// <param name="scrollback">Most bytes of earlier output that are wanted.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <returns>The console's bytes, both ways; belongs to this client, which does nothing else any more.</returns>
    public async Task<Stream> AttachConsoleAsync(long scrollback, CancellationToken cancellation)
    {
        _ = await CallAsync(ControlProtocol.AttachConsole, new AttachRequest(scrollback), cancellation).ConfigureAwait(false);
        return _stream;
    }

    /// <summary>Reads from a console that was attached by <see cref="ControlProtocol.AttachConsole"/>, until there is as much as asked for.</summary>
    /// <exception cref="IOException">The partition has ended.</exception>
    public async Task ReadConsoleAsync(Memory<byte> shown, CancellationToken cancellation) => await _stream.ReadExactlyAsync(shown, cancellation).ConfigureAwait(false);

    /// <summary>Connects to the guest's exec service.</summary>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <returns>The service's bytes, both ways (protocol-spec/exec.md); belongs to this client, which does nothing else any more.</returns>
    /// <exception cref="ControlException">The partition does not allow it, or the guest has no such service.</exception>
    public async Task<Stream> OpenExecAsync(CancellationToken cancellation)
    {
        _ = await CallAsync(ControlProtocol.OpenExec, NoValue.Instance, cancellation).ConfigureAwait(false);
        return _stream;
    }

    /// <summary>Traces the bus.</summary>
    /// <param name="request">What is recorded.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <returns>The trace, a pcapng file; belongs to this client, which does nothing any more but <see cref="EndSending"/>, which ends it: what was recorded still comes, and then the end of the file.</returns>
    /// <exception cref="ControlException">It cannot be traced so, or not now.</exception>
    public async Task<Stream> OpenTraceAsync(TraceRequest request, CancellationToken cancellation)
    {
        _ = await CallAsync(ControlProtocol.OpenTrace, request, cancellation).ConfigureAwait(false);
        return _stream;
    }

    /// <summary>Says that nothing more is sent, and goes on receiving. Any thread.</summary>
    public void EndSending()
    {
        try
        {
            _stream.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The other side has ended by itself.
        }
    }

    /// <summary>Ends the connection.</summary>
    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private async Task<ControlMessage?> NextAsync(CancellationToken cancellation)
    {
        try
        {
            return await _reader.ReadAsync(cancellation).ConfigureAwait(false) is { } bytes ? ControlMessage.Read(bytes) : null;
        }
        catch (IOException exception) when (exception is not ControlException)
        {
            return null;
        }
    }

    private static ControlException Ended() => new(ControlErrorCode.Ended, "The partition has ended, and its control socket with it.");
}
