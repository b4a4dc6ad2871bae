using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>The body of a version negotiation. Source: protocol-spec/integration.md#negotiation.</summary>
/// <remarks>[0) framework count u16 · [2) message count u16 · [4) reserved u32 · [8) versions, 4 bytes each, frameworks first.</remarks>
public static class VersionNegotiation
{
    /// <summary>Bytes before the versions.</summary>
    public const int CountBytes = 8;

    /// <summary>Bytes of a request with so many versions; an answer has the same length.</summary>
    public static int RequestBytes(IntegrationService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return CountBytes + ((service.Frameworks.Count + service.Versions.Count) * IntegrationVersion.Size);
    }

    /// <summary>Writes the request for a service: everything the host speaks.</summary>
    public static void WriteRequest(Span<byte> body, IntegrationService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        WriteUInt16LittleEndian(body, (ushort)service.Frameworks.Count);
        WriteUInt16LittleEndian(body[2..], (ushort)service.Versions.Count);
        WriteUInt32LittleEndian(body[4..], 0);
        Span<byte> rest = body[CountBytes..];
        foreach (IntegrationVersion version in service.Frameworks.Concat(service.Versions))
        {
            version.Write(rest);
            rest = rest[IntegrationVersion.Size..];
        }
    }

    /// <summary>Reads an answer.</summary>
    /// <param name="body">The body.</param>
    /// <param name="framework">The framework version that the guest chose; null when it knows none that was offered.</param>
    /// <param name="version">The message version that the guest chose; null when it knows none that was offered.</param>
    /// <returns>False when it is short, or has more than one version of a kind. Never throws.</returns>
    public static bool TryReadAnswer(ReadOnlySpan<byte> body, out IntegrationVersion? framework, out IntegrationVersion? version)
    {
        framework = version = null;
        if (body.Length < CountBytes) return false;
        int frameworks = ReadUInt16LittleEndian(body);
        int versions = ReadUInt16LittleEndian(body[2..]);
        if (frameworks > 1 || versions > 1 || body.Length < CountBytes + ((frameworks + versions) * IntegrationVersion.Size)) return false;
        // A guest that found no match writes counts of zero; what it leaves in the slots says nothing.
        if (frameworks == 0 || versions == 0) return true;
        framework = IntegrationVersion.Read(body[CountBytes..]);
        version = IntegrationVersion.Read(body[(CountBytes + IntegrationVersion.Size)..]);
        return true;
    }
}
