using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>Bodies of key-value messages. Source: protocol-spec/integration-data.md#key-value-messages.</summary>
/// <remarks>All begin with [0) operation u8 · [1) pool u8; an answer has the length of its request.</remarks>
public static class KvpMessages
{
    /// <summary>Bytes of every body that carries an item or a key.</summary>
    public const int ItemSize = EnumerateValueOffset + KvpValue.Size;

    /// <summary>Bytes of a body with addresses as text.</summary>
    public const int AddressTextSize = AddressTextOffset + KvpAddresses.TextSize;

    /// <summary>Bytes of a body with addresses as numbers.</summary>
    public const int AddressBinarySize = AddressBinaryOffset + KvpAddresses.BinarySize;

    private const int DataOffset = 4;
    private const int EnumerateValueOffset = 8;
    private const int AddressTextOffset = 2;
    private const int AddressBinaryOffset = 4;

    /// <summary>Whether a version has addresses as numbers.</summary>
    public static bool HasBinaryAddresses(IntegrationVersion version) => version.IsAtLeast(5, 0);

    /// <summary>Writes <see cref="KvpOperation.Get"/> or <see cref="KvpOperation.Set"/> into a body of zeros.</summary>
    public static void WriteItem(Span<byte> body, KvpOperation operation, KvpPool pool, in KvpValue item)
    {
        Begin(body, operation, pool);
        item.Write(body[DataOffset..]);
    }

    /// <summary>Writes <see cref="KvpOperation.Delete"/> into a body of zeros.</summary>
    public static void WriteDelete(Span<byte> body, KvpPool pool, string key)
    {
        Begin(body, KvpOperation.Delete, pool);
        WriteUInt32LittleEndian(body[DataOffset..], (uint)WideText.Write(body.Slice(DataOffset + sizeof(uint), KvpValue.KeyFieldBytes), key));
    }

    /// <summary>Writes <see cref="KvpOperation.Enumerate"/> into a body of zeros.</summary>
    public static void WriteEnumerate(Span<byte> body, KvpPool pool, int index)
    {
        Begin(body, KvpOperation.Enumerate, pool);
        WriteUInt32LittleEndian(body[DataOffset..], (uint)index);
    }

    /// <summary>Writes <see cref="KvpOperation.GetAddresses"/> or <see cref="KvpOperation.SetAddresses"/> into a body of zeros.</summary>
    public static void WriteAddresses(Span<byte> body, KvpOperation operation, KvpAddresses addresses, IntegrationVersion version)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        Begin(body, operation, KvpPool.External);
        if (HasBinaryAddresses(version)) addresses.WriteBinary(body[AddressBinaryOffset..]);
        else addresses.WriteText(body[AddressTextOffset..]);
    }

    /// <summary>Reads the item of an answer to <see cref="KvpOperation.Get"/> or <see cref="KvpOperation.Enumerate"/>.</summary>
    /// <returns>See <see cref="KvpValue.TryRead"/>.</returns>
    public static bool TryReadItem(ReadOnlySpan<byte> body, KvpOperation operation, out KvpValue item)
    {
        int offset = operation == KvpOperation.Enumerate ? EnumerateValueOffset : DataOffset;
        item = default;
        return body.Length >= offset && KvpValue.TryRead(body[offset..], out item);
    }

    /// <summary>Reads the addresses of an answer to <see cref="KvpOperation.GetAddresses"/>.</summary>
    /// <returns>False when short, or when a count is larger than its list. Never throws.</returns>
    public static bool TryReadAddresses(ReadOnlySpan<byte> body, IntegrationVersion version, out KvpAddresses addresses)
    {
        addresses = KvpAddresses.Of("");
        return HasBinaryAddresses(version)
            ? body.Length >= AddressBinaryOffset && KvpAddresses.TryReadBinary(body[AddressBinaryOffset..], out addresses)
            : body.Length >= AddressTextOffset && KvpAddresses.TryReadText(body[AddressTextOffset..], out addresses);
    }

    private static void Begin(Span<byte> body, KvpOperation operation, KvpPool pool)
    {
        body[0] = (byte)operation;
        body[1] = (byte)pool;
    }
}
