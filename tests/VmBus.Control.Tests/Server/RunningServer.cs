using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Host.Consoles;
using VmBus.Management.Client;
using VmBus.Management.Framing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Control.Tests.Server;

/// <summary>A control server of a <see cref="FakePartition"/> on a socket in a folder of its own.</summary>
internal sealed class RunningServer : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-control-").FullName;
    private readonly ControlSocket _socket;
    private readonly ControlServer _server;
    private bool _ended;

    public RunningServer(ControlLimits? limits = null, string? group = null)
    {
        limits ??= new ControlLimits();
        Path = System.IO.Path.Combine(_folder, "control");
        Events = new EventHub("guest", limits.WaitingEvents);
        Verbs = new VerbTable(new PartitionVerbs(Partition, TimeSpan.FromSeconds(30)), new GuestVerbs(Partition.Integration));
        Console = new SharedConsole(new NullConsole(), typed =>
        {
            lock (Typed) Typed.Append(Encoding.UTF8.GetString(typed.Span));
            TypedSomething.Release();
        });
        _socket = ControlSocket.Claim(new ControlSocketOptions(Path, group));
        var services = new ControlServices("test 1.0", Verbs, Events, Console, Partition.OpenExecAsync, limits, NullLogger.Instance)
        {
            OpenTrace = request => Partition.StartTrace(TraceRequests.Read(request)),
        };
        _server = ControlServer.Start(_socket, services);
    }

    public string Path { get; }

    public FakePartition Partition { get; } = new();

    public VerbTable Verbs { get; }

    public EventHub Events { get; }

    public SharedConsole Console { get; }

    public StringBuilder Typed { get; } = new();

    public SemaphoreSlim TypedSomething { get; } = new(0);

    /// <summary>Ends a wait that goes on for so long that the test has failed.</summary>
    public CancellationToken Timely { get; } = new CancellationTokenSource(Patience).Token;

    /// <summary>A client that has said hello.</summary>
    public Task<ControlClient> ConnectAsync() => ControlClient.ConnectAsync(Path, "test", Timely);

    /// <summary>A connection without a client's manners.</summary>
    public async Task<NetworkStream> ConnectRawAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path), Timely);
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>A connection without a client's manners, after the hello.</summary>
    public async Task<NetworkStream> GreetRawAsync()
    {
        NetworkStream stream = await ConnectRawAsync();
        await stream.WriteAsync(ControlMessage.Request(1, ControlProtocol.Hello.Name, new HelloRequest("raw", 1, 1)), Timely);
        _ = await ReceiveAsync(stream) ?? throw new IOException("The server has not answered the hello.");
        return stream;
    }

    /// <summary>The server's next message on such a connection; null at its end.</summary>
    public async Task<ControlMessage?> ReceiveAsync(NetworkStream stream)
    {
        try
        {
            return await new FrameReader(stream, FrameHeader.MaximumReplyBytes, Patience).ReadAsync(Timely) is { } bytes ? ControlMessage.Read(bytes) : null;
        }
        catch (IOException exception) when (exception is not ControlException)
        {
            return null;
        }
    }

    /// <summary>The partition ends.</summary>
    public void End()
    {
        if (_ended) return;
        _ended = true;
        _server.Dispose();
        Console.Dispose();
        _socket.Dispose();
    }

    public void Dispose()
    {
        Partition.Resizing.Set();
        End();
        Directory.Delete(_folder, recursive: true);
    }
}
