using System.Buffers.Binary;
using VmBus.Client.Channels;
using VmBus.Memory.Rings;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Network;

/// <summary>One channel of an adapter: frames both ways. One thread; allocates nothing once it runs.</summary>
/// <remarks>
/// The owner's loop is: <see cref="Poll"/> until it takes nothing, send, <see cref="Flush"/>, <see cref="Wait"/>. What the host sends is copied once
/// and only the copy is looked at. Source: protocol-spec/network.md#frames.
/// </remarks>
public sealed partial class NetvscQueue
{
    // Linux's messages have this length in every version.
    internal const int NvspMessageBytes = 40;

    private readonly NetvscClient _owner;
    private readonly byte[] _message = new byte[NvspMessageBytes];
    private long _sent;
    private long _sendFailed;
    private long _received;
    private long _receivedPackets;
    private long _receiveFailed;
    private bool _ringWasFull;

    internal NetvscQueue(NetvscClient owner, ClientChannel channel, int index) => (_owner, Channel, Index) = (owner, channel, index);

    /// <summary>0 for the primary channel.</summary>
    public int Index { get; }

    /// <summary>The channel.</summary>
    public ClientChannel Channel { get; }

    /// <summary>Whether the host has broken the ring's rules: the queue is of no use any more.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Frames that the host has not completed yet.</summary>
    public int InFlight { get; private set; }

    /// <summary>What the queue has done.</summary>
    public NetvscCounters Counters => new(_sent, _sendFailed, _received, _receivedPackets, _receiveFailed);

    /// <summary>Takes what the host has sent: completions and frames.</summary>
    /// <param name="receiver">Who gets the frames; nobody when null.</param>
    /// <param name="budget">Packets at most.</param>
    /// <returns>Packets taken; fewer than the budget when there were no more.</returns>
    public int Poll(INetvscReceiver? receiver, int budget = 64)
    {
        int taken = 0;
        while (taken < budget && !IsBroken)
        {
            RingStatus status = Channel.TryReceive(out RingPacket packet);
            if (status == RingStatus.Empty) break;
            if (status != RingStatus.Ok)
            {
                Break();
                break;
            }

            taken++;
            switch (packet.Descriptor.Type)
            {
                case PacketType.Completion:
                    Completed(packet);
                    break;
                case PacketType.DataUsingTransferPages:
                    ReceiveTransfer(packet, receiver);
                    break;
                case PacketType.DataInband when Index == 0:
                    _owner.NoticeReceived(packet.Payload);
                    break;
                default:
                    _owner.Violate(ClientViolation.BadPacket);
                    break;
            }
        }

        Channel.Release();
        SendAcknowledgements();
        Flush();
        return taken;
    }

    /// <summary>Shows the host what was sent.</summary>
    public void Flush()
    {
        if (!IsBroken) Channel.Flush();
    }

    /// <summary>Waits for the host: for frames, completions, or space in the ring where that was missing.</summary>
    /// <returns>False when nothing came in time.</returns>
    public bool Wait(TimeSpan timeout)
    {
        if (IsBroken || Channel.State == ClientChannelState.Closed) return false;
        SendAcknowledgements();
        Flush();
        bool waitsForSpace = _acknowledgements.Count > 0 || _ringWasFull;
        _ringWasFull = false;
        // The space may have come while this was being announced: no signal follows then.
        if (waitsForSpace && !Channel.Rings.Writer.WaitForSpace(NvspMessageBytes)) return true;
        bool came = Channel.Wait(timeout);
        Channel.Rings.Writer.StopWaitingForSpace();
        return came;
    }

    internal bool TrySendRequest(ReadOnlySpan<byte> header, ReadOnlySpan<byte> message, ulong id, bool wantsCompletion)
    {
        PacketType type = header.IsEmpty ? PacketType.DataInband : PacketType.DataUsingGpaDirect;
        ushort flags = wantsCompletion ? PacketDescriptor.CompletionRequested : (ushort)0;
        return TryWrite(type, header, message, id, flags);
    }

    private bool TryWrite(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong id, ushort flags)
    {
        RingStatus status = Channel.TrySend(type, header, payload, id, flags);
        if (status == RingStatus.Ok) return true;
        if (status == RingStatus.Full) _ringWasFull = true;
        else Break();
        return false;
    }

    private void Completed(in RingPacket packet)
    {
        ulong slot = unchecked(packet.Descriptor.TransactionId - 1);
        if (slot >= (ulong)_busy.Length)
        {
            if (Index == 0) _owner.RequestCompleted(packet.Descriptor.TransactionId, packet.Payload);
            else _owner.Violate(ClientViolation.BadPacket);
            return;
        }

        if (!_busy[slot])
        {
            _owner.Violate(ClientViolation.BadPacket);
            return;
        }

        bool sound = packet.Payload.Length >= sizeof(uint)
            && BinaryPrimitives.ReadUInt32LittleEndian(packet.Payload) == (uint)NvspMessageType.SendRndisPacketComplete;
        if (!NvspPacketComplete.TryRead(packet.Payload, out NvspPacketComplete complete) || !sound) _owner.Violate(ClientViolation.BadPacket);
        if (sound && complete.Status == NvspStatus.Success) _sent++;
        else _sendFailed++;
        FreeSlot((int)slot);
    }

    private void Break()
    {
        if (IsBroken) return;
        IsBroken = true;
        _owner.Violate(ClientViolation.CorruptRing);
    }
}
