using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;

namespace VmBus.Benchmarks.Ring;

/// <summary>What the two processes do with their ends. The packets are as large as a storage request (104 bytes) and its completion (80).</summary>
internal static class RingWork
{
    /// <summary>Bytes of a request in the ring, trailer included.</summary>
    internal const int RequestBytes = PacketDescriptor.Size + HeaderBytes + PayloadBytes + PacketDescriptor.TrailerBytes;

    /// <summary>Packets that are published together.</summary>
    internal const int Batch = 32;

    /// <summary>Type-specific header of a request.</summary>
    internal const int HeaderBytes = 24;

    /// <summary>Payload of both.</summary>
    internal const int PayloadBytes = 64;

    private static readonly byte[] Header = new byte[HeaderBytes];
    private static readonly byte[] Payload = new byte[PayloadBytes];

    /// <summary>Answers each packet at once.</summary>
    internal static void Echo(RingEnd end, int count, bool spin)
    {
        for (int i = 0; i < count; i++)
        {
            RingPacket packet = end.Read(spin);
            end.Write(PacketType.Completion, [], packet.Payload, packet.Descriptor.TransactionId);
            end.CommitRead();
            end.CommitWrite();
        }
    }

    /// <summary>Sends one packet after the other, each after the answer to the one before.</summary>
    internal static void Ask(RingEnd end, int count, bool spin)
    {
        for (int i = 0; i < count; i++)
        {
            end.Write(PacketType.DataUsingGpaDirect, Header, Payload, (ulong)i);
            end.CommitWrite();
            if (end.Read(spin).Descriptor.TransactionId != (ulong)i) throw new InvalidOperationException("An answer is out of order.");
            end.CommitRead();
        }
    }

    /// <summary>Sends packets in batches as fast as there is space.</summary>
    internal static void Produce(RingEnd end, int count)
    {
        for (int i = 0; i < count; i++)
        {
            end.Write(PacketType.DataUsingGpaDirect, Header, Payload, (ulong)i);
            if (i % Batch == Batch - 1) end.CommitWrite();
        }

        end.CommitWrite();
    }

    /// <summary>Takes packets as they come, giving space back in batches.</summary>
    internal static void Consume(RingEnd end, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (end.Read(spin: false).Descriptor.TransactionId != (ulong)i) throw new InvalidOperationException("A packet is out of order.");
            if (i % Batch == Batch - 1) end.CommitRead();
        }

        end.CommitRead();
    }
}
