using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The addresses that the guest uses on a network adapter.</summary>
/// <param name="Nic">Its name in the partition.</param>
/// <param name="Address">Its MAC address.</param>
/// <param name="Used">Whether the guest uses it; else nothing follows.</param>
/// <param name="Dhcp">Whether the addresses come from DHCP.</param>
/// <param name="Addresses">Its addresses, as the guest writes them.</param>
/// <param name="Subnets">For each address its mask or prefix, as far as the guest says.</param>
/// <param name="Gateways">Default gateways.</param>
/// <param name="NameServers">Name servers.</param>
public sealed record AddressReport(
    string Nic,
    string Address,
    bool Used,
    bool Dhcp,
    IReadOnlyList<string> Addresses,
    IReadOnlyList<string> Subnets,
    IReadOnlyList<string> Gateways,
    IReadOnlyList<string> NameServers) : IControlValue<AddressReport>
{
    /// <inheritdoc/>
    public static AddressReport Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AddressReport(
            map.Text("nic"),
            map.Text("address"),
            map.Boolean("used"),
            map.Boolean("dhcp"),
            map.Texts("addresses"),
            map.Texts("subnets"),
            map.Texts("gateways"),
            map.Texts("name_servers"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(8);
        writer.Pair("nic", Nic);
        writer.Pair("address", Address);
        writer.Pair("used", Used);
        writer.Pair("dhcp", Dhcp);
        writer.Pair("addresses", Addresses);
        writer.Pair("subnets", Subnets);
        writer.Pair("gateways", Gateways);
        writer.Pair("name_servers", NameServers);
    }
}
