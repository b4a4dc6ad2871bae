using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace VmBus.GuestTools.Addresses;

/// <summary>The addresses that network interfaces have now.</summary>
internal static class LinkAddresses
{
    private const int RouteGateway = 0x2;    // RTF_GATEWAY

    /// <summary>All addresses of interfaces that are not the loopback, in the kernel's order.</summary>
    public static IEnumerable<IPAddress> OfAll()
        => All().Where(static link => link.NetworkInterfaceType != NetworkInterfaceType.Loopback).SelectMany(Of).Select(static entry => entry.Address);

    /// <summary>The addresses of one interface.</summary>
    public static IReadOnlyList<(IPAddress Address, int PrefixLength)> OfInterface(string name)
        => [.. All().Where(link => link.Name == name).SelectMany(Of)];

    /// <summary>An address without the number of its interface, which means nothing to others.</summary>
    public static string Show(IPAddress address)
        => address.AddressFamily == AddressFamily.InterNetworkV6 ? new IPAddress(address.GetAddressBytes()).ToString() : address.ToString();

    /// <summary>A mask, or for version 6 a slash and the prefix's length.</summary>
    public static string ShowSubnet(IPAddress address, int prefixLength)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6) return string.Create(CultureInfo.InvariantCulture, $"/{prefixLength}");
        uint mask = prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);
        return new IPAddress([(byte)(mask >> 24), (byte)(mask >> 16), (byte)(mask >> 8), (byte)mask]).ToString();
    }

    /// <summary>The default gateways of an interface, from the kernel's tables of routes.</summary>
    /// <param name="name">The interface.</param>
    /// <param name="routes">Lines of /proc/net/route.</param>
    /// <param name="routesV6">Lines of /proc/net/ipv6_route.</param>
    public static IReadOnlyList<string> Gateways(string name, IEnumerable<string> routes, IEnumerable<string> routesV6)
    {
        var gateways = new List<string>();
        foreach (string line in routes)
        {
            // Interface, destination, gateway, flags, …, mask at 7; addresses as the processor's numbers.
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 8 || words[0] != name || words[1] != "00000000" || words[7] != "00000000" || !TryHex(words[3], out uint flags)) continue;
            if ((flags & RouteGateway) != 0 && TryHex(words[2], out uint gateway)) gateways.Add(new IPAddress(gateway).ToString());
        }

        foreach (string line in routesV6)
        {
            // Destination, its length, source, its length, next hop, metric, references, use, flags, interface.
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 10 || words[9] != name || words[1] != "00" || !TryHex(words[8], out uint flags) || (flags & RouteGateway) == 0) continue;
            if (words[4].Length == 32 && words[4].All(char.IsAsciiHexDigit)) gateways.Add(new IPAddress(Convert.FromHexString(words[4])).ToString());
        }

        return [.. gateways.Distinct(StringComparer.Ordinal)];
    }

    private static bool TryHex(string text, out uint value) => uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private static NetworkInterface[] All()
    {
        try
        {
            return NetworkInterface.GetAllNetworkInterfaces();
        }
        catch (NetworkInformationException)
        {
            return [];
        }
    }

    private static IEnumerable<(IPAddress Address, int PrefixLength)> Of(NetworkInterface link)
        => link.GetIPProperties().UnicastAddresses.Select(static entry => (entry.Address, entry.PrefixLength));
}
