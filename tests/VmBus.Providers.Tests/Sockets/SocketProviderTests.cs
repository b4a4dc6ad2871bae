using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Sockets;
using VmBus.Providers.Sockets;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Providers.Tests.Sockets;

/// <summary>Sockets over a real bus, real lanes and real Unix sockets, with a guest that has no virtual machine.</summary>
public sealed class SocketProviderTests : IDisposable
{
    private const uint Port = 5000;
    private static readonly Guid Endpoint = SocketInterface.FromPort(1026);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-sockets-").FullName;
    private readonly FakeGuest _guest = new(laneCount: 2);
    private readonly SocketProvider _sockets;
    private readonly List<Socket> _open = [];

    public SocketProviderTests()
    {
        _sockets = SocketProvider.Listen(Path, NullLogger.Instance);
        _sockets.Attach(_guest.Server);
        _guest.Ports.Sockets = _sockets;
    }

    private string Path => System.IO.Path.Combine(_folder, "vsock");

    public void Dispose()
    {
        foreach (Socket socket in _open) socket.Dispose();
        _sockets.End();
        _guest.Dispose();
        _sockets.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Guest_reaches_the_program_that_listens_for_its_port()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        Assert.Equal(SocketInterface.FromPort(Port), guest.Channel.Offer.InterfaceType);
        Assert.Equal(Endpoint, guest.Channel.Offer.InterfaceInstance);
        Assert.Equal((OfferFlags)0x2011, guest.Channel.Offer.Flags);
        Assert.Equal(0, guest.Channel.Offer.UserDefined.Span[4]);
        guest.Send("from the guest"u8);
        Assert.Equal("from the guest", Read(host, 14));
        host.Send("from the host"u8);
        Assert.Equal("from the host"u8, guest.Receive(13));
        Assert.Equal(new ChannelTraffic(2, 14, 13), Assert.Single(_guest.Server.Describe()).Traffic);
    }

    [Fact]
    public void Guest_reaches_a_service_that_has_no_port()
    {
        var service = new Guid("999e53d4-3d5c-4c3e-8779-bed06ec056e1");
        using Socket listener = Listen($"{Path}_{service:D}");
        Connect();
        _guest.Post(new TlConnectRequest(Endpoint, service, Guid.Empty));
        var guest = new GuestSocket(_guest, _guest.Open(_guest.TakeOffer()));
        Socket host = Accept(listener);
        host.Send("hello"u8);
        Assert.Equal("hello"u8, guest.Receive(5));
    }

    [Fact]
    public void Connect_where_nobody_listens_is_refused()
    {
        Connect();
        _guest.Post(new TlConnectRequest(Endpoint, SocketInterface.FromPort(Port), Guid.Empty));
        Assert.Equal(new TlConnectResult(Endpoint, SocketInterface.FromPort(Port), NtStatus.ConnectionRefused), _guest.Expect<TlConnectResult>());
        Assert.Equal(0, _sockets.Count);
    }

    [Fact]
    public void Program_reaches_the_guests_listener_and_what_it_says_early_is_not_lost()
    {
        Connect();
        Socket host = Client();
        host.Send("connect 6000\nearly"u8);
        OfferChannel offer = _guest.TakeOffer();
        Assert.Equal(SocketInterface.FromPort(6000), offer.InterfaceType);
        Assert.Equal(1, offer.UserDefined.Span[4]);
        var guest = new GuestSocket(_guest, _guest.Open(offer));
        Assert.Equal($"OK {SocketInterface.Data1(offer.InterfaceInstance)}\n", ReadLine(host));
        Assert.Equal("early"u8, guest.Receive(5));
        guest.Send("late"u8);
        Assert.Equal("late", Read(host, 4));
    }

    [Fact]
    public void This_process_reaches_the_guests_listener_without_a_path()
    {
        using var sockets = SocketProvider.CreatePrivate(NullLogger.Instance);
        sockets.Attach(_guest.Server);
        _guest.Ports.Sockets = sockets;
        Connect();
        Socket host = Take(sockets.Connect(512));
        OfferChannel offer = _guest.TakeOffer();
        Assert.Equal(SocketInterface.FromPort(512), offer.InterfaceType);
        Assert.Equal(1, offer.UserDefined.Span[4]);
        var guest = new GuestSocket(_guest, _guest.Open(offer));
        Assert.Equal($"OK {SocketInterface.Data1(offer.InterfaceInstance)}\n", ReadLine(host));
        host.Send("from the host"u8);
        Assert.Equal("from the host"u8, guest.Receive(13));
        guest.Send("from the guest"u8);
        Assert.Equal("from the guest", Read(host, 14));
        // And the guest reaches nobody.
        _guest.Post(new TlConnectRequest(Endpoint, SocketInterface.FromPort(Port), Guid.Empty));
        Assert.Equal(new TlConnectResult(Endpoint, SocketInterface.FromPort(Port), NtStatus.ConnectionRefused), _guest.Expect<TlConnectResult>());
        sockets.End();
    }

    [Fact]
    public void This_process_is_turned_away_while_the_guest_is_not_connected() => Assert.True(Ends(Take(_sockets.Connect(512))));

    [Theory]
    [InlineData("CONNECT\n")]
    [InlineData("CONNECT -1\n")]
    [InlineData("CONNECT 4294967296\n")]
    [InlineData("CONNECT port\n")]
    [InlineData("LISTEN 6000\n")]
    [InlineData("\n")]
    [InlineData("CONNECT 00000000000000000000000000000000000000000000000000000000000000006000\n")]
    public void Line_that_makes_no_sense_closes_the_connection(string line)
    {
        Connect();
        Socket host = Client();
        host.Send(Encoding.ASCII.GetBytes(line));
        Assert.True(Ends(host));
        Assert.Equal(0, _sockets.Count);
    }

    [Fact]
    public void Program_is_turned_away_while_the_guest_is_not_connected()
    {
        Socket host = Client();
        host.Send("CONNECT 6000\n"u8);
        Assert.True(Ends(host));
    }

    [Fact]
    public void Program_is_turned_away_and_the_offer_taken_back_when_nobody_listens_in_the_guest()
    {
        Connect();
        Socket host = Client();
        host.Send("CONNECT 6000\n"u8);
        OfferChannel offer = _guest.TakeOffer();
        Assert.Equal(offer.ChannelId, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.True(Ends(host));
        Assert.Equal(0, _sockets.Count);
    }

    [Fact]
    public void Each_direction_ends_by_itself_and_the_connection_with_the_second()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        guest.EndSending();
        Assert.Equal(0, host.Receive(new byte[1]));
        host.Send("still here"u8);
        Assert.Equal("still here"u8, guest.Receive(10));
        host.Shutdown(SocketShutdown.Send);
        Assert.True(guest.ReceivesEnd());
        Assert.Equal(guest.Channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
    }

    [Fact]
    public void Program_that_ends_first_ends_the_connection_when_the_guest_has_ended_too()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        host.Send("bye"u8);
        host.Shutdown(SocketShutdown.Send);
        Assert.Equal("bye"u8, guest.Receive(3));
        Assert.True(guest.ReceivesEnd());
        guest.Send("and the rest"u8);
        Assert.Equal("and the rest", Read(host, 12));
        guest.EndSending();
        Assert.Equal(0, host.Receive(new byte[1]));
        _guest.Expect<RescindChannelOffer>();
    }

    [Fact]
    public void Program_that_goes_away_leaves_what_it_said_and_the_connection_ends()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        host.Send("last words"u8);
        host.Dispose();
        Assert.Equal("last words"u8, guest.Receive(10));
        Assert.True(guest.ReceivesEnd());
        _guest.Expect<RescindChannelOffer>();
    }

    [Fact]
    public void Program_that_goes_away_while_the_ring_is_full_leaves_everything_it_said()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest(pagesPerRing: 5);
        byte[] data = Bytes(100_000);
        host.Send(data);
        host.Dispose();
        Assert.Equal(data, guest.Receive(data.Length));
        Assert.True(guest.ReceivesEnd());
        _guest.Expect<RescindChannelOffer>();
    }

    [Fact]
    public void Guest_that_closes_its_channel_ends_the_programs_connection()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        _guest.Post(new CloseChannel(guest.Channel.Id));
        Assert.True(Ends(host));
        Assert.Equal(guest.Channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.Equal(0, _sockets.Count);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(64)]
    public async Task Megabytes_go_both_ways_at_once_without_a_wrong_byte(int pagesPerRing)
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest(pagesPerRing);
        byte[] up = Bytes(3_000_001), down = Bytes(2_000_003);
        Task<byte[]> read = Task.Run(() => ReadBytes(host, up.Length));
        Task write = Task.Run(() => host.Send(down));
        // One thread at a time, as the ring's guest end wants it: the host's buffers fill up meanwhile.
        guest.Send(up);
        Assert.Equal(up, await read);
        Assert.Equal(down, guest.Receive(down.Length));
        await write;
    }

    [Fact]
    public async Task Program_that_reads_slowly_holds_the_guest_up_and_loses_nothing()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest(pagesPerRing: 5);
        byte[] data = Bytes(2_000_000);
        Task send = Task.Run(() => guest.Send(data));
        byte[] first = await Task.Run(() => ReadBytes(host, data.Length / 2));
        // It cannot have ended: the ring, the relay's buffer and the socket take a fraction of the second half.
        Assert.False(send.IsCompleted);
        byte[] second = await Task.Run(() => ReadBytes(host, data.Length - first.Length));
        await send;
        Assert.Equal(data, first.Concat(second));
    }

    [Fact]
    public void Program_that_stops_reading_for_good_lets_the_guest_go_on()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest(pagesPerRing: 5);
        host.Shutdown(SocketShutdown.Receive);
        guest.Send(Bytes(500_000));
        host.Send("but it still writes"u8);
        Assert.Equal("but it still writes"u8, guest.Receive(19));
    }

    [Theory]
    [InlineData(8, 9, 1)]
    [InlineData(8, -1, 1)]
    [InlineData(8, 8, 2)]
    [InlineData(0, int.MaxValue, 1)]
    public void Packet_that_lies_ends_the_connection_and_no_other(int bytes, int claimed, uint type)
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        guest.SendPacket(new byte[bytes], claimed, type);
        Assert.Equal(guest.Channel.Id, _guest.Expect<RescindChannelOffer>().ChannelId);
        Assert.True(Ends(host));
        (GuestSocket other, Socket program) = ConnectFromGuest(endpoint: 1027);
        other.Send("fine"u8);
        Assert.Equal("fine", Read(program, 4));
    }

    [Fact]
    public void Data_after_the_end_is_a_violation()
    {
        (GuestSocket guest, Socket host) = ConnectFromGuest();
        guest.EndSending();
        guest.Send("more"u8);
        _guest.Expect<RescindChannelOffer>();
        Assert.True(Ends(host));
    }

    [Fact]
    public void Endpoint_that_is_connected_already_gets_no_second_offer()
    {
        (GuestSocket guest, _) = ConnectFromGuest();
        using Socket listener = Listen($"{Path}_7");
        _guest.Post(new TlConnectRequest(Endpoint, SocketInterface.FromPort(7), Guid.Empty));
        Assert.True(Ends(Accept(listener)));
        guest.Send("x"u8);
        Assert.Equal(1, _sockets.Count);
    }

    [Fact]
    public void Hundreds_of_connections_at_once_keep_their_bytes_apart()
    {
        const int Count = 200;
        using Socket listener = Listen($"{Path}_{Port}");
        Connect();
        var pairs = new List<(GuestSocket Guest, Socket Host)>();
        for (uint i = 0; i < Count; i++)
        {
            _guest.Post(new TlConnectRequest(SocketInterface.FromPort(2000 + i), SocketInterface.FromPort(Port), Guid.Empty));
            pairs.Add((new GuestSocket(_guest, _guest.Open(_guest.TakeOffer(), pagesPerRing: 5)), Accept(listener)));
        }

        for (int i = 0; i < Count; i++) pairs[i].Guest.Send(BitConverter.GetBytes(i));
        for (int i = 0; i < Count; i++) pairs[i].Host.Send(ReadBytes(pairs[i].Host, 4));
        for (int i = 0; i < Count; i++) Assert.Equal(i, BitConverter.ToInt32(pairs[i].Guest.Receive(4)));
        Assert.Equal(Count, _sockets.Count);
    }

    [Fact]
    public void Reset_of_the_guest_ends_every_connection()
    {
        (_, Socket host) = ConnectFromGuest();
        Socket waiting = Client();
        waiting.Send("CONNECT 6000\n"u8);
        _guest.TakeOffer();
        _guest.Server.Reset();
        _sockets.Reset();
        Assert.True(Ends(host));
        Assert.True(Ends(waiting));
        Assert.Equal(0, _sockets.Count);
    }

    [Fact]
    public void Path_that_another_process_listens_at_is_refused_and_a_dead_ones_is_replaced()
    {
        IOException taken = Assert.Throws<IOException>(() => SocketProvider.Listen(Path, NullLogger.Instance));
        Assert.Contains($"'{Path}' is in use", taken.Message, StringComparison.Ordinal);
        string dead = System.IO.Path.Combine(_folder, "dead");
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)) left.Bind(new UnixDomainSocketEndPoint(dead));
        File.Delete(dead);
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(dead));
            using SocketProvider replaced = SocketProvider.Listen(dead, NullLogger.Instance);
        }
    }

    [Fact]
    public void File_that_is_no_socket_is_refused_and_left_alone()
    {
        string precious = System.IO.Path.Combine(_folder, "precious");
        File.WriteAllText(precious, "data");
        IOException taken = Assert.Throws<IOException>(() => SocketProvider.Listen(precious, NullLogger.Instance));
        Assert.Contains($"'{precious}' is in use", taken.Message, StringComparison.Ordinal);
        Assert.Equal("data", File.ReadAllText(precious));
    }

    private void Connect() => _guest.Connect();

    private (GuestSocket Guest, Socket Host) ConnectFromGuest(int pagesPerRing = 17, uint endpoint = 1026)
    {
        string path = $"{Path}_{Port}";
        File.Delete(path);
        using Socket listener = Listen(path);
        if (_guest.Version.Value == 0) Connect();
        _guest.Post(new TlConnectRequest(SocketInterface.FromPort(endpoint), SocketInterface.FromPort(Port), Guid.Empty));
        GuestChannel channel = _guest.Open(_guest.TakeOffer(), pagesPerRing: pagesPerRing);
        return (new GuestSocket(_guest, channel), Accept(listener));
    }

    private static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(16);
        return listener;
    }

    private Socket Accept(Socket listener) => Keep(listener.Accept());

    private Socket Take(LinuxFile file)
    {
        var socket = new Socket(new SafeSocketHandle(file.Descriptor, ownsHandle: true));
        file.SetHandleAsInvalid();
        return Keep(socket);
    }

    private Socket Client()
    {
        Socket client = Keep(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified));
        client.Connect(new UnixDomainSocketEndPoint(Path));
        return client;
    }

    private Socket Keep(Socket socket)
    {
        socket.ReceiveTimeout = (int)FakeGuest.Patience.TotalMilliseconds;
        _open.Add(socket);
        return socket;
    }

    private static bool Ends(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
    }

    private static string Read(Socket socket, int bytes) => Encoding.ASCII.GetString(ReadBytes(socket, bytes));

    private static string ReadLine(Socket socket)
    {
        var line = new StringBuilder();
        do line.Append(Read(socket, 1));
        while (line[^1] != '\n');
        return line.ToString();
    }

    private static byte[] ReadBytes(Socket socket, int bytes)
    {
        var data = new byte[bytes];
        for (int done = 0; done < bytes;)
        {
            int count = socket.Receive(data.AsSpan(done));
            if (count == 0) throw new InvalidOperationException($"The connection ended after {done} of {bytes} bytes.");
            done += count;
        }

        return data;
    }

    private static byte[] Bytes(int count)
    {
        var data = new byte[count];
        new Random(count).NextBytes(data);
        return data;
    }
}
