using System.Globalization;

namespace VmBus.Network.Frames;

/// <summary>An Ethernet address.</summary>
public readonly record struct MacAddress
{
    /// <summary>Bytes on the wire.</summary>
    public const int Bytes = 6;

    // The first byte on the wire is the highest of 48 bits.
    private readonly ulong _value;

    private MacAddress(ulong value) => _value = value;

    /// <summary>Whether it names a group; broadcast is one.</summary>
    public bool IsMulticast => (_value >> 40 & 1) != 0;

    /// <summary>Whether it names everybody.</summary>
    public bool IsBroadcast => _value == 0xFFFF_FFFF_FFFF;

    /// <summary>Whether an adapter can have it: not a group's and not all zeroes.</summary>
    public bool IsUnicast => !IsMulticast && _value != 0;

    /// <summary>Reads an address from the first six bytes.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> source)
    {
        ulong value = 0;
        foreach (byte part in source[..Bytes]) value = value << 8 | part;
        return new MacAddress(value);
    }

    /// <summary>Reads <c>52:54:00:12:34:56</c>, with colons or hyphens.</summary>
    public static bool TryParse(string text, out MacAddress address)
    {
        address = default;
        string[] parts = text.Split(':', '-');
        if (parts.Length != Bytes) return false;
        ulong value = 0;
        foreach (string part in parts)
        {
            if (part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte number)) return false;
            value = value << 8 | number;
        }

        address = new MacAddress(value);
        return true;
    }

    /// <summary>Writes the address to the first six bytes.</summary>
    public void Write(Span<byte> destination)
    {
        for (int i = 0; i < Bytes; i++) destination[i] = (byte)(_value >> (40 - (8 * i)));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        Write(bytes);
        return string.Join(':', bytes.ToArray().Select(part => part.ToString("x2", CultureInfo.InvariantCulture)));
    }
}
