using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Echo;

/// <summary>Answers each packet of its channel with its own bytes, so that a guest can measure the bus. Any thread makes it; the bus calls it on the channel's lane.</summary>
/// <param name="isMonitored">Whether the guest signals by its monitor page, as programs in Linux before 6.10 have to.</param>
/// <remarks>Source: protocol-spec/echo.md.</remarks>
public sealed class EchoProvider(bool isMonitored = false) : IChannelDevice
{
    /// <inheritdoc/>
    public ChannelOffer Offer { get; } = new(EchoInterface.Type, EchoInterface.Instance) { IsMonitored = isMonitored };

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel) => new Endpoint(channel);

    // One answer at most waits for space; the packets behind it stay in the guest's own ring.
    private sealed class Endpoint(OpenChannel channel) : IChannelEndpoint, IChannelMeter
    {
        private readonly byte[] _waiting = new byte[EchoInterface.MaximumPayloadBytes];
        private int _waitingBytes;
        private ulong _waitingId;
        private bool _isWaiting;
        private bool _isStalled;
        private long _packets;
        private long _bytes;

        /// <inheritdoc/>
        public ChannelTraffic Traffic => new(Volatile.Read(ref _packets), Volatile.Read(ref _bytes), 0);

        /// <inheritdoc/>
        public PacketVerdict Receive(in RingPacket packet)
        {
            if (packet.Descriptor.Type != PacketType.DataInband || packet.Payload.Length > _waiting.Length) return PacketVerdict.Violation;
            if (_isWaiting)
            {
                _isStalled = true;
                return PacketVerdict.Busy;
            }

            Volatile.Write(ref _packets, _packets + 1);
            Volatile.Write(ref _bytes, _bytes + packet.Payload.Length);
            if ((packet.Descriptor.Flags & PacketDescriptor.CompletionRequested) == 0) return PacketVerdict.Taken;
            if (channel.TrySend(PacketType.Completion, default, packet.Payload, packet.Descriptor.TransactionId)) return PacketVerdict.Taken;
            packet.Payload.CopyTo(_waiting);
            (_waitingBytes, _waitingId, _isWaiting) = (packet.Payload.Length, packet.Descriptor.TransactionId, true);
            return PacketVerdict.Taken;
        }

        /// <inheritdoc/>
        public void EndBatch()
        {
            if (!_isWaiting || !channel.TrySend(PacketType.Completion, default, _waiting.AsSpan(0, _waitingBytes), _waitingId)) return;
            _isWaiting = false;
            if (!_isStalled) return;
            _isStalled = false;
            channel.Resume();
        }

        /// <inheritdoc/>
        public void Close() => channel.Closed();
    }
}
