using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Sockets;

/// <summary>How Hyper-V sockets name their ends, and what their offers say. Source: protocol-spec/sockets.md.</summary>
public static class SocketInterface
{
    /// <summary>Flags of a socket's offer.</summary>
    public const OfferFlags Flags = OfferFlags.EnumerateDeviceInterface | OfferFlags.NamedPipeMode | OfferFlags.TransportProvider;

    /// <summary>Bytes of the user-defined area that mean something.</summary>
    public const int UserDefinedBytes = 26;

    /// <summary>Where Linux and other monitors begin with ports that nobody asked for: those of the host's ends of connections that it makes.</summary>
    public const uint FirstHostPort = 1u << 30;

    private const int FromHostOffset = 4;
    private const int VersionOffset = 6;
    private const uint Version = 1;

    // The bytes behind the port of a service id that Linux calls a port (facb-11e6-bd58-64006a7986d3).
    private static readonly Guid Template = new("00000000-facb-11e6-bd58-64006a7986d3");

    /// <summary>The service id, or endpoint id, of a port.</summary>
    public static Guid FromPort(uint port)
    {
        Span<byte> bytes = stackalloc byte[16];
        Template.TryWriteBytes(bytes);
        WriteUInt32LittleEndian(bytes, port);
        return new Guid(bytes);
    }

    /// <summary>The port that an id stands for.</summary>
    /// <returns>False for a service that has a name of its own, as Windows uses them.</returns>
    public static bool TryGetPort(Guid id, out uint port)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        port = ReadUInt32LittleEndian(bytes);
        return id == FromPort(port);
    }

    /// <summary>The first 32 bits of an id: what Linux shows as the other end's port.</summary>
    public static uint Data1(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        return ReadUInt32LittleEndian(bytes);
    }

    /// <summary>The user-defined area of an offer.</summary>
    /// <param name="fromHost">Whether the host connects to a listener of the guest; else this answers the guest's own connect.</param>
    public static byte[] UserDefined(bool fromHost)
    {
        // Byte mode (0) of a pipe, not for a container, no silo: zeroes.
        var bytes = new byte[UserDefinedBytes];
        bytes[FromHostOffset] = fromHost ? (byte)1 : (byte)0;
        WriteUInt32LittleEndian(bytes.AsSpan(VersionOffset), Version);
        return bytes;
    }
}
