using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.DynamicMemory;

/// <summary>How much memory the guest uses, in pages of 4 KiB. Source: protocol-spec/dynamic-memory.md#status.</summary>
/// <param name="Available">Pages that its programs could have.</param>
/// <param name="Committed">Pages that they have asked for, with those in the balloon and a reserve.</param>
/// <remarks>[8) available u64 · [16) committed u64 · [24) page file, free and input-output counts, which Linux leaves zero.</remarks>
public readonly record struct MemoryStatus(ulong Available, ulong Committed)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 48;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out MemoryStatus value)
    {
        value = message.Length >= Size ? new(ReadUInt64LittleEndian(message[8..]), ReadUInt64LittleEndian(message[16..])) : default;
        return message.Length >= Size;
    }
}
