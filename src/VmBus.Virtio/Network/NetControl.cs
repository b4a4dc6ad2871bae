using System.Buffers.Binary;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Network;

/// <summary>The control queue: receive modes, addresses, number of pairs. One lane. Source: virtio 1.3, 5.1.6.5.</summary>
internal sealed class NetControl(NetDevice device, QueueRunner runner) : IQueueWorker
{
    private const int HeaderBytes = 2;
    private const byte Accepted = 0;
    private const byte Refused = 1;
    private const int CommandsPerTurn = 16;

    private readonly DescriptorChain _chain = new();
    private bool _isStopped;

    /// <inheritdoc/>
    public QueueTurn Run()
    {
        for (int i = 0; i < CommandsPerTurn && !_isStopped; i++)
        {
            QueueTake take = runner.Queue.TryTake(_chain);
            if (take != QueueTake.Taken) return take == QueueTake.Empty ? QueueTurn.Empty : QueueTurn.Broken;
            if (_chain.WritableBytes < 1)
            {
                runner.Queue.Abandon("a control command has no room for its answer");
                return QueueTurn.Broken;
            }

            byte answer = Carry() ? Accepted : Refused;
            _ = _chain.TryWrite(runner.Queue.Memory, _chain.WritableBytes - 1, [answer]);
            runner.Complete(_chain, (uint)Math.Min(uint.MaxValue, _chain.WritableBytes));
        }

        return _isStopped ? QueueTurn.Waiting : QueueTurn.More;
    }

    /// <inheritdoc/>
    public void Stop() => _isStopped = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }

    private bool Carry()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (!_chain.TryRead(runner.Queue.Memory, 0, header)) return false;
        Span<byte> value = stackalloc byte[NetConfig.AddressBytes];
        switch ((NetControlCommand)BinaryPrimitives.ReadUInt16BigEndian(header))
        {
            case NetControlCommand.Promiscuous when TryRead(value[..1]):
                bool promiscuous = value[0] != 0;
                device.Filter(filter => filter.SetPromiscuous(promiscuous));
                return true;
            case NetControlCommand.AllMulticast when TryRead(value[..1]):
                bool all = value[0] != 0;
                device.Filter(filter => filter.SetAllMulticast(all));
                return true;
            case NetControlCommand.AddressTable:
                return SetTables();
            case NetControlCommand.Address when TryRead(value):
                var address = MacAddress.Read(value);
                if (!address.IsUnicast) return false;
                device.Filter(filter => filter.Address = address);
                return true;
            case NetControlCommand.AddVlan or NetControlCommand.RemoveVlan when TryRead(value[..2]):
                int id = BinaryPrimitives.ReadUInt16LittleEndian(value);
                if (id >= VlanFilter.Count) return false;
                device.Vlans.Set(id, (NetControlCommand)BinaryPrimitives.ReadUInt16BigEndian(header) == NetControlCommand.AddVlan);
                return true;
            case NetControlCommand.Pairs when TryRead(value[..2]):
                int pairs = BinaryPrimitives.ReadUInt16LittleEndian(value);
                if (pairs < 1 || pairs > device.PairCount) return false;
                device.UsePairs(pairs);
                return true;
            default:
                return false;
        }
    }

    private bool TryRead(Span<byte> value) => _chain.ReadableBytes == HeaderBytes + value.Length && _chain.TryRead(runner.Queue.Memory, HeaderBytes, value);

    private bool SetTables()
    {
        Span<byte> count = stackalloc byte[sizeof(uint)];
        if (!_chain.TryRead(runner.Queue.Memory, HeaderBytes, count)) return false;
        long unicast = BinaryPrimitives.ReadUInt32LittleEndian(count);
        long second = HeaderBytes + sizeof(uint) + (unicast * NetConfig.AddressBytes);
        if (!_chain.TryRead(runner.Queue.Memory, second, count)) return false;
        long multicast = BinaryPrimitives.ReadUInt32LittleEndian(count);
        if (_chain.ReadableBytes != second + sizeof(uint) + (multicast * NetConfig.AddressBytes)) return false;
        device.Filter(filter => filter.SetTables(unicast, multicast));
        return true;
    }
}
