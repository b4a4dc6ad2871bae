using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Channels;

/// <summary>Packets of one open channel, whoever has opened it. One thread; nothing that a host does throws.</summary>
public interface IPacketChannel
{
    /// <summary>Writes a packet, which the host does not see before <see cref="Flush"/>.</summary>
    /// <returns>Ok, Full, or Corrupt, also when the channel is closed.</returns>
    RingStatus TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags);

    /// <summary>Publishes what was written, and signals the host if it asks for it.</summary>
    void Flush();

    /// <summary>Copies the next packet out; it is valid until the next call.</summary>
    /// <returns>Ok, Empty, or Corrupt, also when the channel is closed.</returns>
    RingStatus TryReceive(out RingPacket packet);

    /// <summary>Gives back the space of what was read, and signals the host if it waits for space.</summary>
    void Release();

    /// <summary>Waits until there is a packet, or, with a writer that waits, space; it may end for nothing.</summary>
    /// <returns>False when nothing came in time.</returns>
    bool Wait(TimeSpan timeout);
}
