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

    /// <summary>Answers a request where it lies, as a guest that speaks what <paramref name="service"/> lists: the newest of each that the host offers.</summary>
    /// <param name="body">The request's body.</param>
    /// <param name="service">What the guest speaks.</param>
    /// <param name="framework">The framework version chosen; null when none is spoken by both.</param>
    /// <param name="version">The message version chosen; null when none is spoken by both.</param>
    /// <returns>False when the request is short: there is nothing to answer. Never throws on what a host sends.</returns>
    public static bool TryAnswer(Span<byte> body, IntegrationService service, out IntegrationVersion? framework, out IntegrationVersion? version)
    {
        ArgumentNullException.ThrowIfNull(service);
        framework = version = null;
        if (body.Length < CountBytes) return false;
        int frameworks = ReadUInt16LittleEndian(body);
        int versions = ReadUInt16LittleEndian(body[2..]);
        if (body.Length < CountBytes + ((frameworks + versions) * IntegrationVersion.Size)) return false;
        Span<byte> list = body[CountBytes..];
        framework = Newest(list[..(frameworks * IntegrationVersion.Size)], service.Frameworks);
        version = Newest(list.Slice(frameworks * IntegrationVersion.Size, versions * IntegrationVersion.Size), service.Versions);
        if (framework is null || version is null) framework = version = null;
        ushort count = framework is null ? (ushort)0 : (ushort)1;
        WriteUInt16LittleEndian(body, count);
        WriteUInt16LittleEndian(body[2..], count);
        // Both lists had an entry each, so there is room for two.
        framework?.Write(list);
        version?.Write(list[IntegrationVersion.Size..]);
        return true;
    }

    private static IntegrationVersion? Newest(ReadOnlySpan<byte> offered, IReadOnlyList<IntegrationVersion> spoken)
    {
        IntegrationVersion? newest = null;
        for (; offered.Length >= IntegrationVersion.Size; offered = offered[IntegrationVersion.Size..])
        {
            IntegrationVersion version = IntegrationVersion.Read(offered);
            if (spoken.Contains(version) && (newest is not { } best || version.IsAtLeast(best.Major, best.Minor))) newest = version;
        }

        return newest;
    }
}
