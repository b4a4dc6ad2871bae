using System.Net;
using System.Net.Sockets;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Addresses;

/// <summary>Reads and sets addresses of the adapters that sysfs shows.</summary>
/// <param name="applier">Puts addresses to use.</param>
internal sealed class AdapterAddresses(AddressApplier applier) : IAdapterAddresses
{
    private const string Interfaces = "/sys/class/net";
    private const string StubResolver = "127.0.0.53";

    /// <inheritdoc/>
    public KvpAddresses? Read(string adapter)
    {
        if (FindInterface(adapter) is not { } name) return null;
        IReadOnlyList<(IPAddress Address, int PrefixLength)> addresses = LinkAddresses.OfInterface(name);
        KvpAddressFamilies families = KvpAddressFamilies.None;
        foreach ((IPAddress address, _) in addresses)
            families |= address.AddressFamily == AddressFamily.InterNetwork ? KvpAddressFamilies.IPv4 : KvpAddressFamilies.IPv6;
        return new KvpAddresses(
            adapter, families, UsesDhcp(name),
            [.. addresses.Select(static entry => LinkAddresses.Show(entry.Address))],
            [.. addresses.Select(static entry => LinkAddresses.ShowSubnet(entry.Address, entry.PrefixLength))],
            LinkAddresses.Gateways(name, ReadLines("/proc/net/route"), ReadLines("/proc/net/ipv6_route")),
            NameServers());
    }

    /// <inheritdoc/>
    public AddressStatus Set(KvpAddresses addresses, out string said)
    {
        said = "";
        if (FindInterface(addresses.Adapter) is not { } name) return AddressStatus.NoSuchAdapter;
        if (!AddressPlan.TryRead(addresses, out AddressPlan plan, out said)) return AddressStatus.Invalid;
        return applier.Apply(name, plan, out said) ? AddressStatus.Done : AddressStatus.Failed;
    }

    // An interface of the VMBus before others with its Ethernet address: a virtual function that does its work has the same.
    private static string? FindInterface(string adapter)
    {
        string? found = null;
        string[] folders = Directory.Exists(Interfaces) ? Directory.GetDirectories(Interfaces) : [];
        foreach (string folder in folders.Order(StringComparer.Ordinal))
        {
            string instance = ReadLine(folder + "/device/device_id");
            bool isIt = adapter.StartsWith('{')
                ? string.Equals(instance, adapter, StringComparison.OrdinalIgnoreCase)
                : string.Equals(ReadLine(folder + "/address"), adapter, StringComparison.OrdinalIgnoreCase) && adapter.Length > 0;
            if (!isIt) continue;
            if (instance.Length > 0) return Path.GetFileName(folder);
            found ??= Path.GetFileName(folder);
        }

        return found;
    }

    // Where the usual DHCP clients leave their leases; the kernel does not know of them.
    private static bool UsesDhcp(string name)
    {
        string index = ReadLine($"{Interfaces}/{name}/ifindex");
        return File.Exists($"/run/systemd/netif/leases/{index}")
            || File.Exists($"/run/dhclient.{name}.pid") || File.Exists($"/var/lib/dhcp/dhclient.{name}.leases")
            || File.Exists($"/run/udhcpc.{name}.pid") || File.Exists($"/run/dhcpcd/{name}-4.pid") || File.Exists($"/run/dhcpcd/{name}.pid")
            || ReadLines($"/run/NetworkManager/devices/{index}").Any(static line => line.StartsWith("dhcp", StringComparison.Ordinal) || line.StartsWith("next-server", StringComparison.Ordinal));
    }

    private static string[] NameServers()
    {
        string[] servers = ReadServers("/etc/resolv.conf");
        return servers is [StubResolver] ? ReadServers("/run/systemd/resolve/resolv.conf") : servers;

        static string[] ReadServers(string path) => [.. ReadLines(path)
            .Select(static line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Where(static words => words is ["nameserver", _, ..])
            .Select(static words => words[1])];
    }

    private static string ReadLine(string path) => ReadLines(path).FirstOrDefault("").Trim();

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
