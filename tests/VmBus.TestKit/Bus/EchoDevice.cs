using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.TestKit.Bus;

/// <summary>A device that answers every packet with its own payload; a test tells it what to do otherwise.</summary>
public sealed class EchoDevice(Guid? instance = null) : IChannelDevice
{
    private volatile EchoEndpoint? _last;

    /// <summary>The interface type of every echo device.</summary>
    public static Guid InterfaceType { get; } = new("11111111-2222-3333-4444-555555555555");

    /// <inheritdoc/>
    public ChannelOffer Offer { get; } = new(InterfaceType, instance ?? Guid.NewGuid());

    /// <summary>The endpoint of the last open.</summary>
    public EchoEndpoint? Last => _last;

    /// <summary>How often it was opened.</summary>
    public int Opens { get; private set; }

    /// <summary>When set, opens are refused.</summary>
    public bool Refuses { get; set; }

    /// <summary>When set, a close is not answered until <see cref="EchoEndpoint.FinishClose"/>.</summary>
    public bool HoldsClose { get; set; }

    /// <summary>Runs in every open, on the lane.</summary>
    public Action<OpenChannel>? OnOpen { get; set; }

    /// <summary>Decides on every packet; null echoes.</summary>
    public Func<OpenChannel, ReceivedPacketView, PacketVerdict>? OnPacket { get; set; }

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        Opens++;
        OnOpen?.Invoke(channel);
        if (Refuses) return null;
        return _last = new EchoEndpoint(this, channel);
    }
}

/// <summary>What a test sees of a packet without a ref struct in its signature.</summary>
public readonly record struct ReceivedPacketView(PacketType Type, ulong TransactionId, int PayloadBytes);

/// <summary>One open of an <see cref="EchoDevice"/>.</summary>
public sealed class EchoEndpoint(EchoDevice device, OpenChannel channel) : IChannelEndpoint, IChannelMeter
{
    // Answers that found no space, oldest first; packets are refused meanwhile, so it stays small.
    private readonly Queue<(byte[] Payload, ulong Id)> _unsent = [];
    private bool _isBusy;
    private long _echoes;
    private long _bytes;

    /// <summary>The channel.</summary>
    public OpenChannel Channel { get; } = channel;

    /// <summary>Batches that ended.</summary>
    public int Batches { get; private set; }

    /// <summary>Whether the bus has asked it to stop.</summary>
    public bool IsClosing { get; private set; }

    /// <inheritdoc/>
    public PacketVerdict Receive(in RingPacket packet)
    {
        if (device.OnPacket is { } decide) return decide(Channel, new(packet.Descriptor.Type, packet.Descriptor.TransactionId, packet.Payload.Length));
        if (_unsent.Count > 0)
        {
            _isBusy = true;
            return PacketVerdict.Busy;
        }

        if (!Channel.TrySend(PacketType.Completion, [], packet.Payload, packet.Descriptor.TransactionId))
            _unsent.Enqueue((packet.Payload.ToArray(), packet.Descriptor.TransactionId));
        Volatile.Write(ref _echoes, _echoes + 1);
        Volatile.Write(ref _bytes, _bytes + packet.Payload.Length);
        return PacketVerdict.Taken;
    }

    /// <inheritdoc/>
    public ChannelTraffic Traffic => new(Volatile.Read(ref _echoes), Volatile.Read(ref _bytes), Volatile.Read(ref _bytes));

    /// <inheritdoc/>
    public void EndBatch()
    {
        Batches++;
        while (_unsent.TryPeek(out (byte[] Payload, ulong Id) answer))
        {
            if (!Channel.TrySend(PacketType.Completion, [], answer.Payload, answer.Id)) return;
            _unsent.Dequeue();
        }

        if (!_isBusy) return;
        _isBusy = false;
        Channel.Resume();
    }

    /// <inheritdoc/>
    public void Close()
    {
        IsClosing = true;
        if (!device.HoldsClose) Channel.Closed();
    }

    /// <summary>Answers a close that was held.</summary>
    public void FinishClose() => Channel.Lane.Post(Channel.Closed);
}
