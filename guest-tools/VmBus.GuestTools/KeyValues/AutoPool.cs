using System.Net;
using System.Net.Sockets;
using VmBus.GuestTools.Addresses;

namespace VmBus.GuestTools.KeyValues;

/// <summary>Makes up what this guest tells of itself, anew each time, so that addresses and names are those of now.</summary>
/// <param name="root">The folder that is <c>/</c>.</param>
/// <remarks>The order is part of the contract: hosts ask by index. Source: protocol-spec/integration-data.md#auto-items.</remarks>
internal sealed class AutoPool(string root)
{
    // Hosts take it for the version of the daemons; Debian's say the same.
    private const string IntegrationServicesVersion = "3.1";

    /// <summary>The items.</summary>
    public IReadOnlyList<KvpItem> Create()
    {
        string release = ReadLine("proc/sys/kernel/osrelease");
        IReadOnlyDictionary<string, string> system = SystemRelease.Parse(ReadLines("etc/os-release"));
        IPAddress[] addresses = [.. LinkAddresses.OfAll()];
        return
        [
            new("FullyQualifiedDomainName", FullName(ReadLine("proc/sys/kernel/hostname"))),
            new("IntegrationServicesVersion", IntegrationServicesVersion),
            new("NetworkAddressIPv4", Join(addresses, AddressFamily.InterNetwork)),
            new("NetworkAddressIPv6", Join(addresses, AddressFamily.InterNetworkV6)),
            new("OSBuildNumber", release),
            new("OSName", system.GetValueOrDefault("NAME", "Linux")),
            new("OSMajorVersion", system.GetValueOrDefault("VERSION_ID", "")),
            new("OSMinorVersion", ""),
            new("OSVersion", release.Split('-')[0]),
            new("ProcessorArchitecture", System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture switch
            {
                System.Runtime.InteropServices.Architecture.X64 => "x86_64",
                System.Runtime.InteropServices.Architecture.Arm64 => "aarch64",
                var other => other.ToString(),
            }),
        ];
    }

    private static string Join(IEnumerable<IPAddress> addresses, AddressFamily family)
        => KvpRequest.JoinWhole([.. addresses.Where(address => address.AddressFamily == family).Select(LinkAddresses.Show)], KvpPoolFile.ValueBytes);

    // Without asking a name server, which may not answer: the host waits.
    private string FullName(string name)
    {
        if (name.Contains('.', StringComparison.Ordinal)) return name;
        foreach (string line in ReadLines("etc/hosts"))
        {
            string[] words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Skip(1).Contains(name, StringComparer.Ordinal) && words.Skip(1).FirstOrDefault(word => word.StartsWith(name + ".", StringComparison.Ordinal)) is { } full)
                return full;
        }

        string? domain = ReadLines("etc/resolv.conf")
            .Select(static line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(static words => words is ["domain", _, ..])?[1];
        return domain is null ? name : $"{name}.{domain}";
    }

    private string ReadLine(string path) => ReadLines(path).FirstOrDefault("").Trim();

    private string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(root, path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
