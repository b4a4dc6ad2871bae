using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Network;

/// <summary>Body of <see cref="NvspMessageType.Initialize"/>: the versions that the guest would speak.</summary>
/// <param name="Minimum">Lowest.</param>
/// <param name="Maximum">Highest; Linux sends the same twice and asks again.</param>
/// <remarks>Source: protocol-spec/network.md#initialize.</remarks>
public readonly record struct NvspInitialize(NvspVersion Minimum, NvspVersion Maximum)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 12;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspInitialize value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new((NvspVersion)ReadUInt32LittleEndian(message[4..]), (NvspVersion)ReadUInt32LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.Initialize);
        WriteUInt32LittleEndian(message[4..], (uint)Minimum);
        WriteUInt32LittleEndian(message[8..], (uint)Maximum);
    }
}

/// <summary>Body of <see cref="NvspMessageType.InitializeComplete"/>.</summary>
/// <param name="MaximumMdlChain">Pieces of a packet that the host takes; Hyper-V says 34.</param>
/// <param name="Status">Whether the version is agreed.</param>
/// <param name="Version">An old field: 0xFFFFFFFF, but 2 when version 1 is agreed.</param>
/// <remarks>Source: protocol-spec/network.md#initialize-complete.</remarks>
public readonly record struct NvspInitializeComplete(uint Version, uint MaximumMdlChain, NvspStatus Status)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 16;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspInitializeComplete value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(
            ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]), (NvspStatus)ReadUInt32LittleEndian(message[12..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.InitializeComplete);
        WriteUInt32LittleEndian(message[4..], Version);
        WriteUInt32LittleEndian(message[8..], MaximumMdlChain);
        WriteUInt32LittleEndian(message[12..], (uint)Status);
    }
}

/// <summary>Body of <see cref="NvspMessageType.SendNdisVersion"/>.</summary>
/// <param name="Major">Major number.</param>
/// <param name="Minor">Minor number.</param>
/// <remarks>Source: protocol-spec/network.md#ndis-version.</remarks>
public readonly record struct NvspNdisVersion(uint Major, uint Minor)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 12;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspNdisVersion value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(message[4..]), ReadUInt32LittleEndian(message[8..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendNdisVersion);
        WriteUInt32LittleEndian(message[4..], Major);
        WriteUInt32LittleEndian(message[8..], Minor);
    }
}

/// <summary>Body of <see cref="NvspMessageType.SendNdisConfiguration"/>.</summary>
/// <param name="Mtu">The guest's MTU with the 14 bytes of the Ethernet header.</param>
/// <param name="Capabilities">What the guest can do.</param>
/// <remarks>Source: protocol-spec/network.md#ndis-configuration.</remarks>
public readonly record struct NvspNdisConfiguration(uint Mtu, NdisCapabilities Capabilities)
{
    /// <summary>Bytes of the message.</summary>
    public const int Size = 20;

    /// <summary>False when short. Never throws.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out NvspNdisConfiguration value)
    {
        value = default;
        if (message.Length < Size) return false;
        value = new(ReadUInt32LittleEndian(message[4..]), (NdisCapabilities)ReadUInt64LittleEndian(message[12..]));
        return true;
    }

    /// <summary>Writes the message.</summary>
    public void Write(Span<byte> message)
    {
        WriteUInt32LittleEndian(message, (uint)NvspMessageType.SendNdisConfiguration);
        WriteUInt32LittleEndian(message[4..], Mtu);
        WriteUInt32LittleEndian(message[8..], 0);
        WriteUInt64LittleEndian(message[12..], (ulong)Capabilities);
    }
}

/// <summary>What a guest can do. Source: protocol-spec/network.md#capabilities.</summary>
[Flags]
public enum NdisCapabilities : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Virtual machine queues.</summary>
    Vmq = 1,

    /// <summary>TCP chimney.</summary>
    Chimney = 2,

    /// <summary>Virtual functions.</summary>
    Sriov = 4,

    /// <summary>VLAN tags apart from the frame.</summary>
    Ieee8021Q = 8,

    /// <summary>Correlation ids.</summary>
    CorrelationId = 16,

    /// <summary>Teaming: it wants to hear of changed link speeds.</summary>
    Teaming = 32,

    /// <summary>Virtual subnet ids.</summary>
    VirtualSubnetId = 64,

    /// <summary>Coalesced segments.</summary>
    Rsc = 128,
}
