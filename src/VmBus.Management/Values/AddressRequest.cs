using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Addresses that the guest is to use on a network adapter.</summary>
/// <param name="Nic">Its name in the partition.</param>
/// <param name="Family"><c>ipv4</c> or <c>ipv6</c>.</param>
/// <param name="Dhcp">Whether it asks for them by DHCP; then the lists are empty.</param>
/// <param name="Addresses">The addresses.</param>
/// <param name="Subnets">For each its mask (IPv4) or the length of its prefix (IPv6).</param>
/// <param name="Gateways">Default gateways.</param>
/// <param name="NameServers">Name servers.</param>
public sealed record AddressRequest(
    string Nic,
    string Family,
    bool Dhcp,
    IReadOnlyList<string> Addresses,
    IReadOnlyList<string> Subnets,
    IReadOnlyList<string> Gateways,
    IReadOnlyList<string> NameServers) : IControlValue<AddressRequest>
{
    /// <inheritdoc/>
    public static AddressRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AddressRequest(
            map.Text("nic"),
            map.Text("family"),
            map.Boolean("dhcp"),
            map.Texts("addresses"),
            map.Texts("subnets"),
            map.Texts("gateways"),
            map.Texts("name_servers"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(7);
        writer.Pair("nic", Nic);
        writer.Pair("family", Family);
        writer.Pair("dhcp", Dhcp);
        writer.Pair("addresses", Addresses);
        writer.Pair("subnets", Subnets);
        writer.Pair("gateways", Gateways);
        writer.Pair("name_servers", NameServers);
    }
}
