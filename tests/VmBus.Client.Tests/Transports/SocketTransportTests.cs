using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus;
using VmBus.Bus.Ports;
using VmBus.Client.Channels;
using VmBus.Client.Transports;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.TestKit.Bus;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Client.Tests.Transports;

/// <summary>
/// A client that has nothing of its host but a socket: memory is mapped a second time, signals are eventfds that came over it. That both ends are
/// in one process here changes nothing that either of them sees.
/// </summary>
public sealed class SocketTransportTests : IDisposable
{
    private static readonly TimeSpan Patience = FakeGuest.Patience;

    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);
    private readonly Lane _lane = Lane.Start("lane-0", NullLogger.Instance);
    private readonly PacketSocket _far;
    private readonly SocketBusHost _host;
    private readonly VmBusServer _server;
    private readonly EchoDevice _echo = new();

    public SocketTransportTests()
    {
        (PacketSocket near, _far) = PacketSocket.CreatePair();
        _host = new SocketBusHost(near, _memory);
        _server = VmBusServer.Start(new BusPorts(_host, _host, _host, _memory), [_lane], ProtocolVersion.V5_3.Value, NullLogger.Instance);
        _host.Serve(_server);
        _server.Offer(_echo);
    }

    public void Dispose()
    {
        _server.Dispose();
        _host.Dispose();
        _lane.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void Kinds_of_packets_are_what_the_page_says()
        => Assert.Empty(SpecPage.Load("channel.md").Numbers("another-process").DifferencesFrom<SocketPacketKind>());

    [Fact]
    public void Whole_connection_runs_over_a_socket()
    {
        using SocketTransport transport = Start();
        var client = new VmBusClient(transport, new PagePool(transport.Memory, 16));
        Assert.Equal(ClientStatus.Ok, client.Connect(ProtocolVersion.V5_3));
        Assert.Equal(ClientStatus.Ok, client.RequestOffers());
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ClientStatus.Ok, client.TryOpen(Assert.Single(client.Offers), 5, 1, out ClientChannel? channel));
            Echo(channel!, 2000);
            Assert.Equal(ClientStatus.Ok, client.Retarget(channel!, 2));
            Echo(channel!, 100);
            Assert.Equal(ClientStatus.Ok, client.Close(channel!));
            // The connection is unbound: there is nobody to signal.
            Assert.False(channel!.Signal());
        }

        Assert.Equal(ClientStatus.Ok, client.Unload());
        Assert.Equal((0, 0), (client.Violations, transport.Malformed));
    }

    [Fact]
    public void Host_that_goes_ends_every_wait()
    {
        using SocketTransport transport = Start();
        var client = new VmBusClient(transport, new PagePool(transport.Memory, 16));
        Assert.Equal(ClientStatus.Ok, client.Connect(ProtocolVersion.V5_3));
        _server.Dispose();
        _host.Dispose();
        Assert.NotEqual(ClientStatus.Ok, client.RequestOffers());
        Assert.Equal(PostResult.Refused, transport.Post(1, new byte[8]));
    }

    [Fact]
    public void Packets_that_make_no_sense_are_counted_and_their_descriptors_closed()
    {
        (PacketSocket near, PacketSocket far) = PacketSocket.CreatePair();
        using PacketSocket end = near;
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Memory, 0), _memory.File));
        using SocketTransport transport = SocketTransport.TryStart(far, Patience)!;
        using EventFd signal = EventFd.Create();
        Assert.Equal(0, near.Send([1]));
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Bind, 5)));
        // Not an eventfd: signalling it might block.
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Bind, 5), _memory.File));
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Unbind, 9)));
        Assert.Equal(0, near.Send(Packet((SocketPacketKind)77, 0), signal));
        Assert.Equal(0, near.Send(new byte[SocketTransport.MaximumPacketBytes + 1]));
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Bind, 5), signal));
        Assert.Equal(0, near.Send(Packet(SocketPacketKind.Bind, 5), signal));
        Assert.Equal(0, near.Send([.. Packet(SocketPacketKind.Message, 0), 1, 2, 3]));
        byte[] message = new byte[240];
        Assert.Equal(3, transport.TakeMessage(message, Patience));
        Assert.Equal([1, 2, 3], message[..3]);
        Assert.Equal(7, transport.Malformed);
        Assert.True(transport.Signal(5));
        Assert.Equal(1ul, signal.Drain());
        Assert.False(transport.Signal(6));
        Assert.Equal(-1, transport.TakeMessage(message, TimeSpan.Zero));
    }

    [Fact]
    public void Host_that_does_not_begin_with_memory_is_no_host()
    {
        using EventFd signal = EventFd.Create();
        Assert.Null(Begin(near => near.Send(Packet(SocketPacketKind.Memory, 0))));
        Assert.Null(Begin(near => near.Send(Packet(SocketPacketKind.Memory, 0), signal)));
        Assert.Null(Begin(near => near.Send(Packet(SocketPacketKind.Message, 0), _memory.File)));
        Assert.Null(Begin(near => near.Dispose()));
        using MemoryFile odd = MemoryFile.Create("odd", 100);
        Assert.Null(Begin(near => near.Send(Packet(SocketPacketKind.Memory, 0), odd)));
    }

    private static SocketTransport? Begin(Action<PacketSocket> host)
    {
        (PacketSocket near, PacketSocket far) = PacketSocket.CreatePair();
        using PacketSocket end = near;
        host(near);
        return SocketTransport.TryStart(far, Patience);
    }

    private static byte[] Packet(SocketPacketKind kind, uint word)
    {
        byte[] packet = new byte[SocketTransport.HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(packet, (uint)kind);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(4), word);
        return packet;
    }

    private static void Echo(ClientChannel channel, int packets)
    {
        byte[] payload = new byte[64];
        for (ulong id = 1; id <= (ulong)packets; id++)
        {
            Assert.Equal(RingStatus.Ok, channel.TrySend(PacketType.DataInband, default, payload, id, PacketDescriptor.CompletionRequested));
            channel.Flush();
            RingPacket packet;
            while (channel.TryReceive(out packet) == RingStatus.Empty) Assert.True(channel.Wait(Patience), "The host did not answer.");
            Assert.Equal(id, packet.Descriptor.TransactionId);
            channel.Release();
        }
    }

    private SocketTransport Start()
    {
        SocketTransport? transport = SocketTransport.TryStart(_far, Patience);
        Assert.NotNull(transport);
        return transport;
    }
}
