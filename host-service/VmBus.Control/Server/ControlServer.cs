using System.Net.Sockets;
using VmBus.Management.Messages;
using VmBus.Native.Linux;

namespace VmBus.Control.Server;

/// <summary>Answers clients on a control socket until it is disposed.</summary>
/// <remarks>
/// Every connection is a task that waits for its own client, so none holds up another. Whoever disposes this waits for the verbs that run, as the
/// partition must still be there for them; clients get what is on its way to them, for a short time. Source: protocol-spec/control.md.
/// </remarks>
public sealed class ControlServer : IDisposable
{
    // With no descriptor left, the next attempt would fail as well at once.
    private static readonly TimeSpan AcceptPause = TimeSpan.FromSeconds(1);

    private readonly ControlSocket _socket;
    private readonly ControlServices _services;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _requests;
    private readonly Lock _lock = new();
    private readonly HashSet<Task> _connections = [];
    private readonly Task _accepting;

    private ControlServer(ControlSocket socket, ControlServices services)
    {
        _socket = socket;
        _services = services;
        _requests = new SemaphoreSlim(services.Limits.Requests);
        _accepting = AcceptAsync();
        ControlLog.Listening(services.Logger, socket.Path);
    }

    /// <summary>Begins to serve. The socket still belongs to the caller, who disposes it afterwards.</summary>
    public static ControlServer Start(ControlSocket socket, ControlServices services) => new(socket, services);

    /// <summary>Ends every connection; no verb runs any more on return.</summary>
    public void Dispose()
    {
        _services.Events.Complete();
        _services.Console?.End();
        _stop.Cancel();
        _accepting.GetAwaiter().GetResult();
        Task[] connections;
        lock (_lock) connections = [.. _connections];
        Task.WhenAll(connections).GetAwaiter().GetResult();
        _requests.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        // Not on the thread of whoever starts this.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Begin(await _socket.Listener.AcceptAsync(_stop.Token).ConfigureAwait(false));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException exception)
            {
                ControlLog.AcceptFailed(_services.Logger, exception.Message);
                await Task.WhenAny(Task.Delay(AcceptPause, _stop.Token)).ConfigureAwait(false);
            }
        }
    }

    private void Begin(Socket client)
    {
        ControlException? refusal = null;
        lock (_lock)
        {
            if (_connections.Count >= _services.Limits.Connections)
            {
                ControlLog.TooManyConnections(_services.Logger, _connections.Count);
                refusal = new ControlException(ControlErrorCode.Busy, $"There are {_connections.Count} connections already: end one, or try again later.");
            }
        }

        if ((refusal ?? Judge(client)) is { } reason)
        {
            Refuse(client, reason);
            return;
        }

        lock (_lock)
        {
            Task running = RunAsync(client);
            _connections.Add(running);
            _ = running.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task RunAsync(Socket client)
    {
        using var connection = new ControlConnection(client, _services, _requests, _stop.Token);
        await connection.RunAsync().ConfigureAwait(false);
    }

    private void Forget(Task ended)
    {
        lock (_lock) _connections.Remove(ended);
    }

    private ControlException? Judge(Socket client)
    {
        try
        {
            PeerCredentials peer = PeerCredentials.Read(client, allGroups: _socket.Group is not null);
            if (peer.MayUse(FileOwner.CurrentUser, _socket.Group))
            {
                ControlLog.Connected(_services.Logger, peer.Process, peer.User);
                return null;
            }

            ControlLog.PeerRefused(_services.Logger, peer.Process, peer.User);
            return new ControlException(
                ControlErrorCode.Denied, "This socket is for its owner and root, and for the group it was given: be one of them, or have ,group=GROUP added to its path.");
        }
        catch (SocketException exception)
        {
            return new ControlException(ControlErrorCode.Denied, $"The kernel does not say who you are: {exception.Message}.", exception);
        }
    }

    // A few bytes into a new socket: they fit, or the client is gone.
    private static void Refuse(Socket client, ControlException reason)
    {
        using (client)
        {
            try
            {
                client.Blocking = false;
                client.Send(ControlMessage.Failure(0, reason).Span);
            }
            catch (SocketException)
            {
                // Nobody is there to hear it.
            }
        }
    }
}
