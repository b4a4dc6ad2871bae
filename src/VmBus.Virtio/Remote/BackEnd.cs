using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.Sockets.Connectors;

namespace VmBus.Virtio.Remote;

/// <summary>A device that another process serves over vhost-user: what it offers, its queues, and a thread that hears when it changes or goes.</summary>
/// <remarks>
/// The back-end is trusted with the guest's memory, which it gets whole; what it answers is checked all the same. Members may be called from any thread
/// and wait for the back-end. Source: the vhost-user protocol; protocol-spec/vhost-user.md#front-end.
/// </remarks>
internal sealed class BackEnd : IDisposable
{
    private const VhostUserFeatures Common = VhostUserFeatures.MultiQueue | VhostUserFeatures.ReplyAck;
    private const VhostUserFeatures WithConfig = VhostUserFeatures.BackendRequests | VhostUserFeatures.Config;
    private const ulong Transport = (ulong)(VirtioFeatures.LogAll | VirtioFeatures.ProtocolFeatures);

    private readonly string _path;
    private readonly TimeSpan? _reconnect;
    private readonly HostConnector? _connector;
    private readonly byte[] _config;
    private readonly ILogger _logger;
    private readonly EventFd _wake = EventFd.Create();
    private readonly Lock _configGate = new();
    private Thread? _thread;
    private IBackEndUser? _user;
    private volatile BackEndConnection _connection;
    private DescriptorSocket? _requests;
    private ulong _agreed;
    private volatile bool _isDisposed;

    private BackEnd(string path, string subject, TimeSpan? reconnect, int configBytes, HostConnector? connector, ILogger logger)
    {
        _path = path;
        _connector = connector;
        Subject = subject;
        _reconnect = reconnect;
        _config = new byte[configBytes];
        _logger = logger;
        (_connection, _requests) = Open();
    }

    /// <summary>How messages begin that are about it: <c>Disk 'a'</c>.</summary>
    public string Subject { get; }

    /// <summary>Feature bits of the device, without those of vhost-user itself.</summary>
    public ulong Features { get; private set; }

    /// <summary>Queues that it serves at most; of a network device, pairs of them.</summary>
    public int QueueCount { get; private set; }

    /// <summary>Connects and learns what is offered.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="subject">How messages begin that are about it.</param>
    /// <param name="reconnect">How long to wait between attempts to connect again; null for none.</param>
    /// <param name="configBytes">Bytes of its configuration space; 0 for a kind that has none by way of the back-end.</param>
    /// <param name="connector">By whom it is connected to, who becomes this object's, also when that fails; null where this process may.</param>
    /// <param name="logger">For what becomes of it.</param>
    /// <exception cref="BackEndException">There is none, or it lacks what a front-end of this kind needs.</exception>
    public static BackEnd Connect(string path, string subject, TimeSpan? reconnect, int configBytes, HostConnector? connector, ILogger logger)
    {
        try
        {
            return new BackEnd(path, subject, reconnect, configBytes, connector, logger);
        }
        catch
        {
            connector?.Dispose();
            throw;
        }
    }

    /// <summary>Has somebody told what happens. Called once.</summary>
    public void Attend(IBackEndUser user)
    {
        _user = user;
        _thread = new Thread(Listen) { Name = "vhost-front", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Copies the configuration space as it was told last.</summary>
    public void ReadConfig(Span<byte> destination)
    {
        lock (_configGate) _config.CopyTo(destination);
    }

    /// <summary>Asks for the configuration space.</summary>
    /// <returns>Whether it is another than it was.</returns>
    public bool RefreshConfig() => RefreshConfig(_connection);

    /// <summary>Writes to the configuration space.</summary>
    public void WriteConfig(int offset, ReadOnlySpan<byte> source)
    {
        Span<byte> payload = stackalloc byte[VhostUserConfig.Size + VhostUserConfig.MaximumBytes];
        new VhostUserConfig((uint)offset, (uint)source.Length, 0).Write(payload);
        source.CopyTo(payload[VhostUserConfig.Size..]);
        _connection.Tell(VhostUserRequest.SetConfig, payload[..(VhostUserConfig.Size + source.Length)]);
    }

    /// <summary>Says which features are used and which memory is shared; no queue runs.</summary>
    /// <param name="features">Bits of <see cref="Features"/>.</param>
    /// <param name="regions">The memory.</param>
    /// <param name="files">The file of each region.</param>
    public void SetUp(ulong features, ReadOnlySpan<VhostUserRegion> regions, ReadOnlySpan<SafeHandle> files)
    {
        SetFeatures(features);
        Span<byte> table = stackalloc byte[8 + (regions.Length * VhostUserRegion.Size)];
        table.Clear();
        table[0] = (byte)regions.Length;
        for (int i = 0; i < regions.Length; i++) regions[i].Write(table[(8 + (i * VhostUserRegion.Size))..]);
        _connection.Tell(VhostUserRequest.SetMemoryTable, table, files);
    }

    /// <summary>Says which features are used.</summary>
    public void SetFeatures(ulong features)
    {
        _agreed = features;
        _connection.Tell(VhostUserRequest.SetFeatures, features | (ulong)VirtioFeatures.ProtocolFeatures);
    }

    /// <summary>Has the back-end serve a queue.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="enabled">Whether it does so from now on, or when <see cref="EnableQueue"/> says so.</param>
    public void StartQueue(in RemoteQueue queue, bool enabled = true)
    {
        BackEndConnection connection = _connection;
        connection.Tell(VhostUserRequest.SetQueueSize, queue.Index, (uint)queue.Size);
        connection.Tell(VhostUserRequest.SetQueueBase, queue.Index, queue.Base);
        Span<byte> addresses = stackalloc byte[VhostUserQueueAddresses.Size];
        new VhostUserQueueAddresses((uint)queue.Index, 0, (ulong)queue.Descriptors, (ulong)queue.Device, (ulong)queue.Driver, 0).Write(addresses);
        connection.Tell(VhostUserRequest.SetQueueAddresses, addresses);
        connection.Tell(VhostUserRequest.SetQueueCall, (ulong)queue.Index, queue.Call);
        connection.Tell(VhostUserRequest.SetQueueKick, (ulong)queue.Index, queue.Kick);
        connection.Tell(VhostUserRequest.SetQueueEnable, queue.Index, enabled ? 1u : 0u);
    }

    /// <summary>Has the back-end use a queue that it serves, or leave it alone for a while.</summary>
    public void EnableQueue(int index, bool enabled) => _connection.Tell(VhostUserRequest.SetQueueEnable, index, enabled ? 1u : 0u);

    /// <summary>Has the back-end end what it has of a queue under way, and leave it.</summary>
    public void StopQueue(int index)
    {
        BackEndConnection connection = _connection;
        connection.Tell(VhostUserRequest.SetQueueEnable, index, 0);
        Span<byte> state = stackalloc byte[VhostUserQueueState.Size];
        new VhostUserQueueState((uint)index, 0).Write(state);
        _ = connection.Ask(VhostUserRequest.GetQueueBase, state, []);
    }

    /// <summary>Ends the connection as if the back-end had gone. Any thread; does not wait.</summary>
    public void Disconnect() => _connection.Shutdown();

    /// <summary>Ends the connection; nobody is told.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _wake.Signal();
        _connection.Shutdown();
        _connector?.Dispose();
        _thread?.Join();
        _connection.Dispose();
        _requests?.Dispose();
        _wake.Dispose();
    }

    private (BackEndConnection Connection, DescriptorSocket? Requests) Open()
    {
        BackEndConnection connection = BackEndConnection.Connect(_path, Subject, _connector);
        DescriptorSocket? requests = null;
        try
        {
            ulong features = connection.Get(VhostUserRequest.GetFeatures);
            if ((features & (ulong)VirtioFeatures.ProtocolFeatures) == 0) throw Lacks("protocol features (bit 30)");
            connection.Tell(VhostUserRequest.SetOwner, []);
            VhostUserFeatures wanted = _config.Length == 0 ? Common : Common | WithConfig;
            VhostUserFeatures protocol = (VhostUserFeatures)connection.Get(VhostUserRequest.GetProtocolFeatures) & wanted;
            if ((wanted & ~protocol & VhostUserFeatures.Config) != 0) throw Lacks("its configuration (protocol feature 9)");
            connection.Tell(VhostUserRequest.SetProtocolFeatures, (ulong)protocol);
            connection.Protocol = protocol;
            Features = features & ~Transport;
            QueueCount = (protocol & VhostUserFeatures.MultiQueue) == 0 ? 1 : (int)Math.Clamp(connection.Get(VhostUserRequest.GetQueueCount), 1, 256);
            if ((protocol & VhostUserFeatures.BackendRequests) != 0) requests = OpenRequests(connection);
            if (_config.Length > 0) _ = RefreshConfig(connection);
            return (connection, requests);
        }
        catch
        {
            connection.Dispose();
            requests?.Dispose();
            throw;
        }
    }

    private static DescriptorSocket OpenRequests(BackEndConnection connection)
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        var socket = DescriptorSocket.Take(ours);
        using (theirs) connection.Tell(VhostUserRequest.SetBackendRequests, [], theirs);
        return socket;
    }

    private bool RefreshConfig(BackEndConnection connection)
    {
        Span<byte> message = stackalloc byte[VhostUserConfig.Size + _config.Length];
        message.Clear();
        new VhostUserConfig(0, (uint)_config.Length, 0).Write(message);
        int bytes = connection.Ask(VhostUserRequest.GetConfig, message, message);
        if (bytes != message.Length) throw new BackEndException($"{Subject}: its back-end has no configuration of {_config.Length} bytes; it is of another kind, or too old.");
        lock (_configGate)
        {
            bool changed = !message[VhostUserConfig.Size..].SequenceEqual(_config);
            message[VhostUserConfig.Size..].CopyTo(_config);
            return changed;
        }
    }

    private BackEndException Lacks(string what) => new($"{Subject} has a back-end that does not offer {what}, which a front-end needs: use another back-end.");

    // The thread.
    private void Listen()
    {
        while (true)
        {
            int requests = _requests is { } socket ? (int)socket.DangerousGetHandle() : -1;
            (bool ended, bool readable, _) = DescriptorIo.WaitForEnd(_connection.Descriptor, requests, _wake);
            if (_isDisposed) return;
            if (readable && !ended) TakeRequest();
            if (ended && !TryRecover()) return;
        }
    }

    private bool TryRecover()
    {
        bool mayReturn = _reconnect is not null;
        // Whoever waits for an answer gets none.
        _connection.Shutdown();
        _user!.Lost(mayReturn);
        return mayReturn && ComesBack();
    }

    private bool ComesBack()
    {
        ulong features = Features;
        int queues = QueueCount;
        string? complaint = null;
        while (true)
        {
            DescriptorIo.WaitForInput(-1, _wake, _reconnect!.Value);
            if (_isDisposed) return false;
            try
            {
                (BackEndConnection connection, DescriptorSocket? requests) = Open();
                (BackEndConnection oldConnection, DescriptorSocket? oldRequests) = (_connection, _requests);
                (_connection, _requests) = (connection, requests);
                oldConnection.Dispose();
                oldRequests?.Dispose();
                if (_isDisposed) return false;
                if ((_agreed & ~Features) != 0 || QueueCount < queues)
                    throw new BackEndException($"{Subject}: the back-end that is there now offers less than the one before it; start it as before.");
                _user!.Returned();
                return true;
            }
            catch (BackEndException problem)
            {
                // Not there yet is what is waited for; what is wrong with one that is there is said once.
                if (!problem.IsAbsent && complaint != problem.Message) VirtioLog.BackEndRefused(_logger, problem.Message);
                if (!problem.IsAbsent) complaint = problem.Message;
                (Features, QueueCount) = (features, queues);
                // One that was there and failed would keep a back-end busy that has one client at a time.
                _connection.Shutdown();
            }
        }
    }

    // One message; what is not understood is skipped.
    private void TakeRequest()
    {
        Span<byte> bytes = stackalloc byte[VhostUserHeader.Size];
        if (!TryFill(bytes) || !VhostUserHeader.TryRead(bytes, out VhostUserHeader header) || !TryFill(new byte[header.PayloadBytes]))
        {
            _requests!.Dispose();
            _requests = null;
            return;
        }

        bool known = header.Request == (uint)VhostUserBackendRequest.ConfigChanged;
        if (header.NeedsReply)
        {
            Span<byte> reply = stackalloc byte[VhostUserHeader.Size + sizeof(ulong)];
            reply.Clear();
            new VhostUserHeader(header.Request, VhostUserHeader.Version | VhostUserHeader.Reply, sizeof(ulong)).Write(reply);
            reply[VhostUserHeader.Size] = known ? (byte)0 : (byte)1;
            _ = _requests!.Send(reply, wait: false);
        }

        try
        {
            if (known && RefreshConfig()) _user!.ConfigChanged();
        }
        catch (BackEndException)
        {
            // It has gone meanwhile, which is seen next.
        }
    }

    private bool TryFill(Span<byte> target)
    {
        Span<int> descriptors = stackalloc int[DescriptorSocket.MaximumDescriptors];
        while (!target.IsEmpty)
        {
            int received = _requests!.Receive(target, descriptors, out int count);
            foreach (int descriptor in descriptors[..count]) DescriptorSocket.Close(descriptor);
            if (received <= 0) return false;
            target = target[received..];
        }

        return true;
    }
}
