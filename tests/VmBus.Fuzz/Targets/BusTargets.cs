using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client;
using VmBus.Client.Channels;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Sockets;
using VmBus.Providers.Sockets;
using VmBus.TestKit.Bus;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>A whole bus with its lanes: one channel's rings are overwritten while they are served, and another channel goes on.</summary>
internal sealed class BusTarget : IFuzzTarget
{
    private const int PagesPerRing = 3;

    private readonly FakeGuest _guest = new(laneCount: 1);
    private readonly EchoDevice _spoiled = new(), _sound = new();
    private ClientChannel _witness;
    private ulong _next = 1;

    public BusTarget()
    {
        _guest.Server.Offer(_spoiled);
        _guest.Server.Offer(_sound);
        _witness = Connect();
    }

    public string Name => "bus";

    public string What => "rings of an open channel while the host serves them, beside a sound one";

    public IEnumerable<byte[]> Seeds => [[0, 0, 0, 24, 6, 0, 2, 0, 4, 0, 1, 0, 1, 0, 0, 32], [1, 0, 1, 1, 8, 1, 0, 9]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        ClientChannel channel = OpenSpoiled();
        ulong start = channel.Pages.FirstPage * Gpa.PageBytes;
        Span<byte> word = stackalloc byte[sizeof(uint)];
        while (!steps.IsEmpty)
        {
            switch (steps.Byte() % 3)
            {
                case 0:
                    int at = steps.UInt16() % (2 * PagesPerRing * Gpa.PageBytes);
                    byte[] bytes = steps.Block(64);
                    _ = _guest.Memory.TryWrite(new Gpa(start + (ulong)Math.Min(at, (2 * PagesPerRing * Gpa.PageBytes) - bytes.Length)), bytes);
                    break;
                case 1:
                    // A control word of either ring.
                    int offset = steps.Below(4) * 4;
                    ulong ring = (steps.Byte() & 1) == 0 ? 0ul : PagesPerRing * Gpa.PageBytes;
                    WriteUInt32LittleEndian(word, steps.Number() * 8);
                    _ = _guest.Memory.TryWrite(new Gpa(start + ring + (ulong)offset), word);
                    break;
                default:
                    _ = channel.Signal();
                    break;
            }
        }

        _ = channel.Signal();
        Echo();
        // Rescinded or not, the rings go back.
        ClientStatus status = _guest.Client.Close(channel);
        Must(status == ClientStatus.Ok, $"The rings were not given back: {status}.");
        // What the observer was told, which nobody reads here.
        _guest.Ports.Changes.Clear();
    }

    public void Dispose() => _guest.Dispose();

    // A device that was rescinded, which may be told at any time, is offered again at the next connection.
    private ClientChannel OpenSpoiled()
    {
        for (int tries = 0; tries < 3; tries++)
        {
            OfferChannel offer = _guest.Client.Offers.FirstOrDefault(offer => offer.InterfaceInstance == _spoiled.Offer.InterfaceInstance);
            if (offer.ChannelId != 0 && _guest.Client.TryOpen(offer, PagesPerRing, 0, out ClientChannel? channel) == ClientStatus.Ok) return channel!;
            _witness = Connect(_witness);
        }

        throw new PropertyException("A device that was rescinded cannot be opened again.");
    }

    private ClientChannel Connect(ClientChannel? old = null)
    {
        OfferChannel offer = _guest.Connect().First(offer => offer.InterfaceInstance == _sound.Offer.InterfaceInstance);
        // The host has let go of everything that the connection before it had.
        old?.Rings.Dispose();
        if (old is not null) _guest.Client.Pages.Return(old.Pages);
        Must(_guest.Client.TryOpen(offer, PagesPerRing, 0, out ClientChannel? channel) == ClientStatus.Ok, "A sound device cannot be opened.");
        return channel!;
    }

    private void Echo()
    {
        ulong id = _next++;
        Must(_witness.TrySend(PacketType.DataInband, [], [1, 2, 3, 4, 5, 6, 7, 8], id, PacketDescriptor.CompletionRequested) == RingStatus.Ok, "The other channel has no room.");
        _witness.Flush();
        RingPacket packet;
        while (_witness.TryReceive(out packet) == RingStatus.Empty) Must(_witness.Wait(FakeGuest.Patience), "The other channel does not answer.");
        Must(packet.Descriptor.TransactionId == id, "The other channel answered something else.");
        _witness.Release();
    }
}

/// <summary>Hyper-V sockets: packets of any bytes from the guest. What is no packet closes that connection, and nothing else.</summary>
internal sealed class SocketTarget : IFuzzTarget
{
    private readonly FakeGuest _guest = new(laneCount: 1);
    private readonly SocketProvider _sockets = SocketProvider.CreatePrivate(NullLogger.Instance);

    public SocketTarget()
    {
        _guest.Ports.Sockets = _sockets;
        _sockets.Attach(_guest.Server);
        _ = _guest.Connect(ProtocolVersion.V5_2);
    }

    public string Name => "sockets";

    public string What => "packets of Hyper-V sockets";

    public IEnumerable<byte[]> Seeds => [[0, 3, 1, 2, 3, 1], [1, 1, 0], [2, 1, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 200, 1, 0, 3, 1, 1, 1]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        using LinuxFile program = _sockets.Connect(5000);
        OfferChannel offer = _guest.TakeOffer();
        Must(_guest.Client.TryOpen(offer, 5, 0, out ClientChannel? channel) == ClientStatus.Ok, "A connection cannot be opened.");
        while (!steps.IsEmpty)
        {
            byte[] packet = (steps.Byte() % 3) switch
            {
                0 => Packet(steps.Block(200)),
                1 => Packet([]),
                _ => steps.Block(200),
            };
            if (channel!.TrySend((steps.Byte() & 31) == 31 ? (PacketType)steps.Below(16) : PacketType.DataInband, [], packet, 0, 0) != RingStatus.Ok) break;
            channel.Flush();
        }

        program.Dispose();
        Must(_guest.Client.Close(channel!) == ClientStatus.Ok, "The rings were not given back.");
        // It is rescinded in every case: released, the id is free again.
        while (!_guest.Client.RescindedChannels.Contains(offer.ChannelId)) Must(_guest.Client.Pump(FakeGuest.Patience), "A connection that has ended is not rescinded.");
        _ = _guest.Client.Release(offer.ChannelId);
        // What the observer was told, which nobody reads here.
        _guest.Ports.Changes.Clear();
    }

    public void Dispose()
    {
        _sockets.End();
        _guest.Dispose();
        _sockets.Dispose();
    }

    private static byte[] Packet(byte[] data)
    {
        byte[] packet = new byte[SocketPacket.HeaderBytes + data.Length];
        SocketPacket.WriteHeader(packet, data.Length);
        data.CopyTo(packet, SocketPacket.HeaderBytes);
        return packet;
    }
}
