using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Addresses;

/// <summary>Addresses that the host sets, validated: nothing of the host's text goes further than this.</summary>
/// <param name="Dhcp">Addresses of version 4 come from a DHCP server.</param>
/// <param name="Addresses">Addresses with the lengths of their prefixes.</param>
/// <param name="Gateways">Default gateways.</param>
/// <param name="NameServers">Name servers.</param>
internal sealed record AddressPlan(
    bool Dhcp, IReadOnlyList<(IPAddress Address, int PrefixLength)> Addresses, IReadOnlyList<IPAddress> Gateways, IReadOnlyList<IPAddress> NameServers)
{
    // As many as the form with numbers has room for.
    private const int MaximumEntries = 64;

    /// <summary>Reads the host's lists.</summary>
    /// <param name="wanted">The lists.</param>
    /// <param name="plan">What they say.</param>
    /// <param name="why">What is wrong with them, with the value.</param>
    public static bool TryRead(KvpAddresses wanted, out AddressPlan plan, out string why)
    {
        plan = new AddressPlan(wanted.Dhcp, [], [], []);
        why = "";
        var addresses = new List<(IPAddress, int)>();
        if (wanted.Addresses.Count > MaximumEntries || wanted.Gateways.Count > MaximumEntries || wanted.NameServers.Count > MaximumEntries)
        {
            why = $"there are more than {MaximumEntries} in a list";
            return false;
        }

        for (int i = 0; i < wanted.Addresses.Count; i++)
        {
            if (!TryReadAddress(wanted.Addresses[i], out IPAddress address))
            {
                why = $"'{Shown(wanted.Addresses[i])}' is no address";
                return false;
            }

            string subnet = i < wanted.Subnets.Count ? wanted.Subnets[i] : "";
            if (!TryReadSubnet(subnet, address.AddressFamily, out int prefixLength))
            {
                why = $"'{Shown(subnet)}' is no subnet of {address}";
                return false;
            }

            addresses.Add((address, prefixLength));
        }

        if (!TryReadAll(wanted.Gateways, "gateway", out List<IPAddress> gateways, ref why) || !TryReadAll(wanted.NameServers, "name server", out List<IPAddress> servers, ref why))
            return false;
        if (addresses.Count == 0 && !wanted.Dhcp)
        {
            why = "there is none, and DHCP is off";
            return false;
        }

        plan = new AddressPlan(wanted.Dhcp, addresses, gateways, servers);
        return true;
    }

    /// <summary>The plan in one line.</summary>
    public override string ToString()
    {
        IEnumerable<string> parts = Addresses.Select(static entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Address}/{entry.PrefixLength}"))
            .Concat(Gateways.Select(static gateway => $"gateway {gateway}"))
            .Concat(NameServers.Select(static server => $"dns {server}"));
        return string.Join(' ', Dhcp ? parts.Prepend("dhcp") : parts);
    }

    private static string Shown(string text) => PeerText.Escape(text, 64);

    private static bool TryReadAll(IReadOnlyList<string> texts, string what, out List<IPAddress> addresses, ref string why)
    {
        addresses = [];
        foreach (string text in texts)
        {
            if (!TryReadAddress(text, out IPAddress address))
            {
                why = $"'{Shown(text)}' is no address of a {what}";
                return false;
            }

            addresses.Add(address);
        }

        return true;
    }

    // Only the whole forms: "1" and "0x7f.1" are addresses to the parser, and fe80::1%eth0 names an interface.
    private static bool TryReadAddress(string text, out IPAddress address)
    {
        address = IPAddress.None;
        if (text.Contains('%', StringComparison.Ordinal) || !IPAddress.TryParse(text, out IPAddress? parsed)) return false;
        address = parsed;
        return parsed.AddressFamily == AddressFamily.InterNetworkV6 || parsed.ToString() == text;
    }

    private static bool TryReadSubnet(string text, AddressFamily family, out int prefixLength)
    {
        int longest = family == AddressFamily.InterNetwork ? 32 : 128;
        if (int.TryParse(text.TrimStart('/'), NumberStyles.None, CultureInfo.InvariantCulture, out prefixLength)) return prefixLength <= longest;
        if (family != AddressFamily.InterNetwork || !TryReadAddress(text, out IPAddress mask) || mask.AddressFamily != family) return false;
        byte[] bytes = mask.GetAddressBytes();
        uint bits = ((uint)bytes[0] << 24) | ((uint)bytes[1] << 16) | ((uint)bytes[2] << 8) | bytes[3];
        prefixLength = BitOperations.LeadingZeroCount(~bits);
        return prefixLength == 32 || bits << prefixLength == 0;
    }
}
