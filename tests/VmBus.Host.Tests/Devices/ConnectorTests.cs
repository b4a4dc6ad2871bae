using VmBus.Native.Linux;
using VmBus.Protocol.Sockets;
using VmBus.Sockets;
using VmBus.Sockets.Connectors;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Host.Tests.Devices;

/// <summary>Sockets of the host that one process connects to for another.</summary>
public sealed class ConnectorTests : IDisposable
{
    private static readonly SpecPage Page = SpecPage.Load("given.md");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-connect-").FullName;
    private readonly List<Thread> _servers = [];

    private string Meeting => Path.Combine(_folder, "s");

    [Fact]
    public void Answer_is_that_of_the_page()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        Serve((new ConnectPlace(ConnectKind.Vsock, Meeting), theirs));
        using (var asking = DescriptorSocket.Take(ours))
        {
            Assert.Equal(0, asking.Send(SocketInterface.FromPort(7).ToByteArray()));
            byte[] answer = new byte[4];
            Assert.Equal(answer.Length, asking.Receive(answer, new int[DescriptorSocket.MaximumDescriptors], out int count));
            Assert.Equal((ulong)Errno.ENOENT, Page.Layout("connecting").Read(answer, "error"));
            Assert.Equal(0, count);
        }

        WaitForEnd();
    }

    [Fact]
    public void Guest_reaches_the_programs_beside_the_path_by_port_and_by_id_and_nothing_else()
    {
        Guid service = Guid.NewGuid();
        using LinuxFile byPort = UnixSocket.Claim($"{Meeting}_5", blocking: false), byId = UnixSocket.Claim($"{Meeting}_{service:D}", blocking: false), other = UnixSocket.Claim(Path.Combine(_folder, "t"), blocking: false);
        using (HostConnector connector = Start(new ConnectPlace(ConnectKind.Vsock, Meeting)))
        {
            using (LinuxFile first = connector.TryConnect(SocketInterface.FromPort(5), out int errno)!)
            {
                Assert.Equal(0, errno);
                using LinuxFile accepted = UnixSocket.TryAccept(byPort, out _)!;
                Assert.Equal(1, DescriptorIo.Write(first.Descriptor, "x"u8));
                byte[] read = new byte[1];
                Assert.Equal(1, DescriptorIo.Read(accepted.Descriptor, read));
                // It waits for nobody.
                Assert.Equal(-Errno.EAGAIN, DescriptorIo.Read(first.Descriptor, read));
            }

            connector.TryConnect(service, out _)!.Dispose();
            using (LinuxFile accepted = UnixSocket.TryAccept(byId, out _)!) Assert.NotNull(accepted);
            Assert.Null(connector.TryConnect(SocketInterface.FromPort(6), out int missing));
            Assert.Equal(Errno.ENOENT, missing);
            byPort.Dispose();
            Assert.Null(connector.TryConnect(SocketInterface.FromPort(5), out int dead));
            Assert.Equal(Errno.ECONNREFUSED, dead);
            Assert.Null(UnixSocket.TryAccept(other, out _));
        }

        WaitForEnd();
    }

    [Fact]
    public void Back_end_is_connected_to_again_whoever_listens_at_its_path_by_then()
    {
        using (HostConnector connector = Start(new ConnectPlace(ConnectKind.VhostUser, Meeting)))
        {
            for (int i = 0; i < 3; i++)
            {
                using (UnixSocket.Claim(Meeting, blocking: false)) connector.TryConnect(default, out _)!.Dispose();
                Assert.Null(connector.TryConnect(default, out int errno));
                Assert.Equal(Errno.ECONNREFUSED, errno);
            }
        }

        WaitForEnd();
        // It is the back-end's.
        Assert.True(File.Exists(Meeting));
    }

    [Fact]
    public void One_who_takes_no_answers_keeps_nobody_else_waiting_and_what_it_sends_beside_is_closed()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        (LinuxFile further, LinuxFile server) = UnixStream.CreatePair();
        Serve((new ConnectPlace(ConnectKind.VhostUser, Meeting), theirs), (new ConnectPlace(ConnectKind.VhostUser, Meeting), server));
        using LinuxFile listener = UnixSocket.Claim(Meeting, blocking: false);
        using (var connector = new HostConnector(further))
        using (var hostile = DescriptorSocket.Take(ours))
        using (EventFd descriptor = EventFd.Create())
        {
            int open = Directory.GetFiles("/proc/self/fd").Length;
            // Until both ways are full, with half a request at the end.
            while (hostile.Send(new byte[16], descriptor, wait: false) == 0)
            {
            }

            for (int i = 0; i < 20; i++)
            {
                Assert.True(SpinWait.SpinUntil(
                    () =>
                    {
                        // The other one's connections take up the room of those that wait.
                        while (UnixSocket.TryAccept(listener, out _) is { } waiting) waiting.Dispose();
                        using LinuxFile? made = connector.TryConnect(default, out int errno);
                        return errno == 0;
                    },
                    Patience));
            }

            Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, open + 50);
        }

        WaitForEnd();
    }

    [Fact]
    public void Socket_of_a_process_that_is_gone_is_removed_and_that_of_the_next_is_not()
    {
        HostConnector connector = Start(new ConnectPlace(ConnectKind.Vsock, Meeting));
        HostSockets.Claim(Meeting).Dispose();
        connector.Dispose();
        WaitForEnd();
        Assert.False(File.Exists(Meeting));
        connector = Start(new ConnectPlace(ConnectKind.Vsock, Meeting));
        using LinuxFile next = HostSockets.Claim(Meeting);
        connector.Dispose();
        WaitForEnd();
        Assert.True(File.Exists(Meeting));
    }

    [Fact]
    public void Socket_of_a_process_that_ceases_to_listen_after_it_has_ceased_to_ask_is_removed()
    {
        HostConnector connector = Start(new ConnectPlace(ConnectKind.Vsock, Meeting));
        using EventFd never = EventFd.Create();
        using (LinuxFile last = HostSockets.Claim(Meeting))
        {
            connector.Dispose();
            // Not accepted: it is in the queue when the socket closes.
            Assert.True(DescriptorIo.WaitForInput(last.Descriptor, never, Patience).Readable);
        }

        WaitForEnd();
        Assert.False(File.Exists(Meeting));
    }

    [Fact]
    public void Without_the_other_process_nobody_is_connected_to_and_nobody_waits()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using var connector = new HostConnector(ours);
        theirs.Dispose();
        for (int i = 0; i < 3; i++)
        {
            Assert.Null(connector.TryConnect(default, out int errno));
            Assert.Equal(Errno.EPIPE, errno);
        }
    }

    [Fact]
    public void One_that_does_not_answer_is_asked_once()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (theirs)
        {
            using var connector = new HostConnector(ours);
            Assert.Null(connector.TryConnect(default, out int errno));
            Assert.Equal(Errno.ETIMEDOUT, errno);
            // The answer to the first question would be taken for one to the second.
            Assert.Null(connector.TryConnect(default, out errno));
            Assert.Equal(Errno.EPIPE, errno);
        }
    }

    [Theory]
    [InlineData("vsock=/a,b=c", ConnectKind.Vsock, "/a,b=c")]
    [InlineData("vhost-user=relative", ConnectKind.VhostUser, "relative")]
    public void Place_is_read_as_it_is_written(string text, ConnectKind kind, string path)
    {
        Assert.Equal(new ConnectPlace(kind, path), ConnectPlace.TryParse(text));
        Assert.Equal(text, new ConnectPlace(kind, path).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("vsock=")]
    [InlineData("vhost-user=")]
    [InlineData("/run/socket")]
    public void What_is_no_place_is_none(string text) => Assert.Null(ConnectPlace.TryParse(text));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private HostConnector Start(ConnectPlace place)
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        Serve((place, theirs));
        return new HostConnector(ours);
    }

    private void Serve(params (ConnectPlace, LinuxFile)[] places)
    {
        var server = new Thread(() => ConnectorServer.Run(places)) { IsBackground = true };
        server.Start();
        _servers.Add(server);
    }

    private void WaitForEnd()
    {
        foreach (Thread server in _servers) Assert.True(server.Join(Patience));
    }
}
