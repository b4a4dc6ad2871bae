using System.Globalization;
using System.Net.Sockets;
using VmBus.Bus.Tracing;
using VmBus.Host.Consoles;
using VmBus.Management.Framing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Control.Server;

/// <summary>One client from its first message to its last. Source: protocol-spec/control.md#connection.</summary>
internal sealed class ControlConnection : IDisposable
{
    private const string HasEnded = "The partition has ended before this was done.";

    private readonly ControlServices _services;
    private readonly ControlLimits _limits;
    private readonly SemaphoreSlim _allRequests;
    private readonly CancellationToken _serverStops;
    private readonly CancellationTokenSource _gone = new();
    private readonly NetworkStream _stream;
    private readonly FrameReader _reader;
    private readonly FrameSender _sender;
    private readonly SemaphoreSlim _slots;
    private Task? _following;

    /// <summary>Takes over the socket.</summary>
    /// <param name="client">The client.</param>
    /// <param name="services">What is served.</param>
    /// <param name="allRequests">Taken by every request of every connection while it runs.</param>
    /// <param name="serverStops">Ends the connection when what is on its way to the client is there.</param>
    public ControlConnection(Socket client, ControlServices services, SemaphoreSlim allRequests, CancellationToken serverStops)
    {
        _services = services;
        _limits = services.Limits;
        _allRequests = allRequests;
        _serverStops = serverStops;
        _stream = new NetworkStream(client, ownsSocket: true);
        _reader = new FrameReader(_stream, FrameHeader.MaximumRequestBytes, _limits.MessageTime);
        _sender = new FrameSender(_stream, _limits.SendTime, _gone);
        _slots = new SemaphoreSlim(_limits.RequestsPerConnection);
    }

    /// <summary>Serves the client until it or the server ends the connection. Never throws.</summary>
    public async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        CancellationTokenRegistration farewell = _serverStops.Register(() => _gone.CancelAfter(_limits.FarewellTime));
        try
        {
            if (await GreetAsync().ConfigureAwait(false)) await ServeAsync().ConfigureAwait(false);
        }
        catch (ControlException problem)
        {
            await _sender.TrySendAsync(ControlMessage.Failure(0, problem)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client is gone, or the server goes.
        }

        // When it is the server that goes, the client is there and waits for answers and events; else nobody does.
        if (!_serverStops.IsCancellationRequested) await _gone.CancelAsync().ConfigureAwait(false);
        await WaitForRequestsAsync(CancellationToken.None).ConfigureAwait(false);
        if (_following is not null) await _following.ConfigureAwait(false);
        await farewell.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Closes the socket. The connection has been run to its end.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        _sender.Dispose();
        _slots.Dispose();
        _gone.Dispose();
    }

    // The first message is the hello, and comes in time. False when the client left without one.
    private async Task<bool> GreetAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_serverStops);
        limit.CancelAfter(_limits.MessageTime);
        ReadOnlyMemory<byte>? bytes;
        try
        {
            bytes = await _reader.ReadAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_serverStops.IsCancellationRequested)
        {
            throw new ControlException(
                ControlErrorCode.TimedOut, string.Create(CultureInfo.InvariantCulture, $"No hello came within {_limits.MessageTime.TotalSeconds} s: send it first."));
        }

        if (bytes is not { } first) return false;
        var message = ControlMessage.Read(first);
        if (message.Kind != MessageKind.Request || message.Name != ControlProtocol.Hello.Name)
            throw new ControlException(ControlErrorCode.BadMessage, "The first message of a connection is a request of the verb hello.");
        HelloRequest hello = message.ReadBody<HelloRequest>();
        int version = Math.Min(hello.Most, ControlProtocol.MostVersion);
        if (version < hello.Least || version < ControlProtocol.LeastVersion)
        {
            throw new ControlException(
                ControlErrorCode.Version,
                $"The client speaks versions {hello.Least} to {hello.Most} of this protocol, the server {ControlProtocol.LeastVersion} to {ControlProtocol.MostVersion}: use a client of the server's release.");
        }

        return await _sender.TrySendAsync(ControlMessage.Response(message.Id, new HelloReply(_services.Name, version))).ConfigureAwait(false);
    }

    private async Task ServeAsync()
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(_serverStops, _gone.Token);
        while (await _reader.ReadAsync(reading.Token).ConfigureAwait(false) is { } bytes)
        {
            var request = ControlMessage.Read(bytes);
            if (request.Kind != MessageKind.Request) throw new ControlException(ControlErrorCode.BadMessage, "A client sends requests, and nothing else.");
            if (request.Name == ControlProtocol.FollowEvents.Name)
            {
                await FollowAsync(request).ConfigureAwait(false);
            }
            else if (request.Name == ControlProtocol.AttachConsole.Name && _services.Console is { } console)
            {
                if (await AttachAsync(request, console, reading.Token).ConfigureAwait(false)) return;
            }
            else if (request.Name == ControlProtocol.OpenExec.Name && _services.OpenExec is { } openExec)
            {
                if (await OpenExecAsync(request, openExec, reading.Token).ConfigureAwait(false)) return;
            }
            else if (request.Name == ControlProtocol.OpenTrace.Name && _services.OpenTrace is { } openTrace)
            {
                if (await OpenTraceAsync(request, openTrace, reading.Token).ConfigureAwait(false)) return;
            }
            else
            {
                await _slots.WaitAsync(reading.Token).ConfigureAwait(false);
                // On another thread, as a verb may block: the next request is read meanwhile, and the client's end noticed.
                _ = Task.Run(() => AnswerAsync(request), CancellationToken.None);
            }
        }
    }

    private async Task AnswerAsync(ControlMessage request)
    {
        try
        {
            await _sender.TrySendAsync(await CarryOutAsync(request).ConfigureAwait(false)).ConfigureAwait(false);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task<ReadOnlyMemory<byte>> CarryOutAsync(ControlMessage request)
    {
        try
        {
            using var waits = CancellationTokenSource.CreateLinkedTokenSource(_serverStops, _gone.Token);
            await _allRequests.WaitAsync(waits.Token).ConfigureAwait(false);
            try
            {
                ReadOnlyMemory<byte> answer = await _services.Verbs.AnswerAsync(request, waits.Token).ConfigureAwait(false);
                if (answer.Length <= FrameHeader.Size + FrameHeader.MaximumReplyBytes) return answer;
                return Refuse(request, ControlErrorCode.Failed, $"The answer has more than {FrameHeader.MaximumReplyBytes} bytes: ask for less.");
            }
            finally
            {
                _allRequests.Release();
            }
        }
        catch (ControlException problem)
        {
            return Refuse(request, problem.Code, problem.Message);
        }
        catch (OperationCanceledException)
        {
            return Refuse(request, ControlErrorCode.Ended, HasEnded);
        }
#pragma warning disable CA1031 // A bug in one verb is told to whoever asked and to the log; the partition and the other clients go on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            ControlLog.VerbFailed(_services.Logger, request.Name, exception);
            return Refuse(request, ControlErrorCode.Internal, $"{request.Name} has failed in a way that it should not; the log says how.");
        }
    }

    private async Task FollowAsync(ControlMessage request)
    {
        if (_following is not null)
        {
            await _sender.TrySendAsync(Refuse(request, ControlErrorCode.Failed, "This connection follows events already.")).ConfigureAwait(false);
            return;
        }

        // Events begin with the answer: none that happens after it is missed.
        EventHub.Follower follower = _services.Events.Follow();
        await _sender.TrySendAsync(ControlMessage.Response(request.Id, NoValue.Instance)).ConfigureAwait(false);
        _following = TellAsync(follower, request.Id);
    }

    private async Task TellAsync(EventHub.Follower follower, uint id)
    {
        try
        {
            await foreach ((string name, ControlEvent fields) in follower.Events.Reader.ReadAllAsync(_gone.Token).ConfigureAwait(false))
            {
                if (!await _sender.TrySendAsync(ControlMessage.Event(id, name, fields)).ConfigureAwait(false)) break;
            }
        }
        catch (OperationCanceledException)
        {
            // The client is gone.
        }

        _services.Events.Leave(follower);
    }

    // False when the connection goes on as it was.
    private async Task<bool> AttachAsync(ControlMessage request, SharedConsole console, CancellationToken cancellation)
    {
        await WaitForRequestsAsync(cancellation).ConfigureAwait(false);
        long position;
        ReadOnlyMemory<byte> answer;
        try
        {
            if (_following is not null) throw new ControlException(ControlErrorCode.Failed, "This connection follows events: attach the console by another.");
            position = console.Begin(request.ReadBody<AttachRequest>().Scrollback, out long earlier);
            answer = ControlMessage.Response(request.Id, new AttachReply(earlier));
        }
        catch (ControlException problem)
        {
            await _sender.TrySendAsync(Refuse(request, problem.Code, problem.Message)).ConfigureAwait(false);
            return false;
        }

        if (await _sender.TrySendAsync(answer).ConfigureAwait(false))
            await ConsoleAttachment.RunAsync(_stream, console, position, _gone, _serverStops).ConfigureAwait(false);
        return true;
    }

    // False when the connection goes on as it was.
    private async Task<bool> OpenExecAsync(ControlMessage request, Func<CancellationToken, Task<Stream>> openExec, CancellationToken cancellation)
    {
        await WaitForRequestsAsync(cancellation).ConfigureAwait(false);
        Stream guest;
        try
        {
            if (_following is not null) throw new ControlException(ControlErrorCode.Failed, "This connection follows events: run commands by another.");
            _ = request.ReadBody<NoValue>();
            guest = await openExec(cancellation).ConfigureAwait(false);
        }
        catch (IOException problem)
        {
            ControlErrorCode code = problem is ControlException known ? known.Code : ControlErrorCode.Failed;
            await _sender.TrySendAsync(Refuse(request, code, problem.Message)).ConfigureAwait(false);
            return false;
        }
        catch (Exception ending) when (ending is ObjectDisposedException or OperationCanceledException)
        {
            // The bus or the server has ended meanwhile.
            await _sender.TrySendAsync(Refuse(request, ControlErrorCode.Ended, HasEnded)).ConfigureAwait(false);
            return false;
        }

        await using (guest.ConfigureAwait(false))
        {
            if (await _sender.TrySendAsync(ControlMessage.Response(request.Id, NoValue.Instance)).ConfigureAwait(false))
                await StreamRelay.RunAsync(_stream, guest, _gone, _serverStops).ConfigureAwait(false);
        }

        return true;
    }

    // False when the connection goes on as it was.
    private async Task<bool> OpenTraceAsync(ControlMessage request, Func<TraceRequest, BusTrace> openTrace, CancellationToken cancellation)
    {
        await WaitForRequestsAsync(cancellation).ConfigureAwait(false);
        BusTrace trace;
        try
        {
            if (_following is not null) throw new ControlException(ControlErrorCode.Failed, "This connection follows events: trace by another.");
            trace = openTrace(request.ReadBody<TraceRequest>());
        }
        catch (IOException problem)
        {
            ControlErrorCode code = problem is ControlException known ? known.Code : ControlErrorCode.Failed;
            await _sender.TrySendAsync(Refuse(request, code, problem.Message)).ConfigureAwait(false);
            return false;
        }
        catch (ObjectDisposedException)
        {
            // The bus has ended meanwhile.
            await _sender.TrySendAsync(Refuse(request, ControlErrorCode.Ended, HasEnded)).ConfigureAwait(false);
            return false;
        }

        using (trace)
        {
            if (await _sender.TrySendAsync(ControlMessage.Response(request.Id, NoValue.Instance)).ConfigureAwait(false))
                await TraceRelay.RunAsync(_stream, trace, _gone, _serverStops).ConfigureAwait(false);
        }

        return true;
    }

    private async Task WaitForRequestsAsync(CancellationToken cancellation)
    {
        for (int slot = 0; slot < _limits.RequestsPerConnection; slot++) await _slots.WaitAsync(cancellation).ConfigureAwait(false);
        _slots.Release(_limits.RequestsPerConnection);
    }

    private ReadOnlyMemory<byte> Refuse(ControlMessage request, ControlErrorCode code, string reason)
    {
        ControlLog.VerbRefused(_services.Logger, request.Name, reason);
        return ControlMessage.Failure(request.Id, new ControlException(code, reason));
    }
}
