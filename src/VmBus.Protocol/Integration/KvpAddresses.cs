using System.Globalization;
using System.Net;
using System.Net.Sockets;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>The families that a list of addresses holds.</summary>
[Flags]
public enum KvpAddressFamilies : byte
{
    /// <summary>Neither.</summary>
    None = 0,

    /// <summary>Internet protocol version 4.</summary>
    IPv4 = 1,

    /// <summary>Internet protocol version 6.</summary>
    IPv6 = 2,
}

/// <summary>The addresses of one network adapter, in either form: text up to version 4.0, numbers in 5.0.</summary>
/// <param name="Adapter">Which adapter: its address or its instance, as the operation wants it.</param>
/// <param name="Families">Which families are meant.</param>
/// <param name="Dhcp">Whether the addresses come from DHCP.</param>
/// <param name="Addresses">Its addresses.</param>
/// <param name="Subnets">For each address its mask (<c>255.255.255.0</c>) or its prefix (<c>/64</c>, or <c>64</c> when set).</param>
/// <param name="Gateways">Default gateways.</param>
/// <param name="NameServers">Name servers.</param>
/// <remarks>Source: protocol-spec/integration-data.md#addresses-as-text, protocol-spec/integration-data.md#addresses-as-numbers.</remarks>
public sealed record KvpAddresses(
    string Adapter,
    KvpAddressFamilies Families,
    bool Dhcp,
    IReadOnlyList<string> Addresses,
    IReadOnlyList<string> Subnets,
    IReadOnlyList<string> Gateways,
    IReadOnlyList<string> NameServers)
{
    /// <summary>Bytes of the form with text.</summary>
    public const int TextSize = 7426;

    /// <summary>Bytes of the form with numbers.</summary>
    public const int BinarySize = 3712;

    private const int AdapterFieldBytes = 256;
    private const int FamilyOffset = 256;
    private const int DhcpOffset = 257;
    private const int MaximumAddresses = 64;
    private const int MaximumGateways = 5;
    private const int BinaryAdapterOffset = 24;
    private const int BinaryFamilyOffset = BinaryAdapterOffset + AdapterFieldBytes;
    private const int BinaryListsOffset = BinaryFamilyOffset + 4;

    // Offsets and lengths of the four texts: addresses, masks, gateways, name servers.
    private static readonly (int Offset, int Bytes)[] TextFields = [(258, 2048), (2306, 2048), (4354, 1024), (5378, 2048)];

    /// <summary>What a question about an adapter says.</summary>
    public static KvpAddresses Of(string adapter) => new(adapter, KvpAddressFamilies.IPv4 | KvpAddressFamilies.IPv6, false, [], [], [], []);

    /// <summary>Whether everything has room in both forms.</summary>
    public bool Fits => WideText.Fits(Adapter, AdapterFieldBytes)
        && Addresses.Count <= MaximumAddresses && Subnets.Count <= MaximumAddresses && Gateways.Count <= MaximumGateways && NameServers.Count <= MaximumAddresses
        && Lists.Zip(TextFields).All(static pair => WideText.Fits(string.Join(';', pair.First), pair.Second.Bytes));

    private IReadOnlyList<string>[] Lists => [Addresses, Subnets, Gateways, NameServers];

    /// <summary>Reads the form with text. False when short. Never throws.</summary>
    public static bool TryReadText(ReadOnlySpan<byte> source, out KvpAddresses value)
    {
        value = Of("");
        if (source.Length < TextSize) return false;
        var lists = new string[TextFields.Length][];
        for (int i = 0; i < lists.Length; i++)
        {
            lists[i] = WideText.Read(source.Slice(TextFields[i].Offset, TextFields[i].Bytes))
                .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }

        value = new(
            WideText.Read(source[..AdapterFieldBytes]), (KvpAddressFamilies)source[FamilyOffset], source[DhcpOffset] != 0, lists[0], lists[1], lists[2], lists[3]);
        return true;
    }

    /// <summary>Writes the form with text into zeros. It must fit.</summary>
    public void WriteText(Span<byte> destination)
    {
        WideText.Write(destination[..AdapterFieldBytes], Adapter);
        destination[FamilyOffset] = (byte)Families;
        destination[DhcpOffset] = Dhcp ? (byte)1 : (byte)0;
        foreach ((IReadOnlyList<string> list, (int offset, int bytes)) in Lists.Zip(TextFields))
            WideText.Write(destination.Slice(offset, bytes), string.Join(';', list));
    }

    /// <summary>Reads the form with numbers. False when short, or when a count is larger than its list. Never throws.</summary>
    public static bool TryReadBinary(ReadOnlySpan<byte> source, out KvpAddresses value)
    {
        value = Of("");
        if (source.Length < BinarySize) return false;
        Span<int> counts = stackalloc int[6];
        for (int i = 0; i < counts.Length; i++)
        {
            uint count = ReadUInt32LittleEndian(source[(i * sizeof(uint))..]);
            if (count > (i is 2 or 3 ? MaximumGateways : MaximumAddresses)) return false;
            counts[i] = (int)count;
        }

        ReadOnlySpan<byte> lists = source[BinaryListsOffset..];
        List<string> addresses = [], subnets = [], gateways = [], nameServers = [];
        ReadAddresses(ref lists, counts[0], MaximumAddresses, 4, addresses);
        ReadAddresses(ref lists, counts[1], MaximumAddresses, 16, addresses);
        ReadAddresses(ref lists, counts[0], MaximumAddresses, 4, subnets);
        for (int i = 0; i < counts[1]; i++)
            subnets.Add(string.Create(CultureInfo.InvariantCulture, $"/{ReadUInt32LittleEndian(lists[(i * sizeof(uint))..])}"));
        lists = lists[(MaximumAddresses * sizeof(uint))..];
        ReadAddresses(ref lists, counts[2], MaximumGateways, 4, gateways);
        ReadAddresses(ref lists, counts[3], MaximumGateways, 16, gateways);
        ReadAddresses(ref lists, counts[4], MaximumAddresses, 4, nameServers);
        ReadAddresses(ref lists, counts[5], MaximumAddresses, 16, nameServers);
        value = new(
            WideText.Read(source.Slice(BinaryAdapterOffset, AdapterFieldBytes)),
            (KvpAddressFamilies)source[BinaryFamilyOffset],
            source[BinaryFamilyOffset + 1] != 0,
            addresses,
            subnets,
            gateways,
            nameServers);
        return true;
    }

    /// <summary>Writes the form with numbers into zeros; what is no address is left out. It must fit.</summary>
    public void WriteBinary(Span<byte> destination)
    {
        WideText.Write(destination.Slice(BinaryAdapterOffset, AdapterFieldBytes), Adapter);
        destination[BinaryFamilyOffset] = (byte)Families;
        destination[BinaryFamilyOffset + 1] = Dhcp ? (byte)1 : (byte)0;
        Span<byte> lists = destination[BinaryListsOffset..];
        int[] counts = new int[6];
        counts[0] = WriteAddresses(ref lists, Addresses, AddressFamily.InterNetwork, MaximumAddresses);
        counts[1] = WriteAddresses(ref lists, Addresses, AddressFamily.InterNetworkV6, MaximumAddresses);
        _ = WriteAddresses(ref lists, Subnets, AddressFamily.InterNetwork, MaximumAddresses);
        int written = 0;
        foreach (string subnet in Subnets)
        {
            if (uint.TryParse(subnet.TrimStart('/'), NumberStyles.None, CultureInfo.InvariantCulture, out uint prefix))
                WriteUInt32LittleEndian(lists[(written++ * sizeof(uint))..], prefix);
        }

        lists = lists[(MaximumAddresses * sizeof(uint))..];
        counts[2] = WriteAddresses(ref lists, Gateways, AddressFamily.InterNetwork, MaximumGateways);
        counts[3] = WriteAddresses(ref lists, Gateways, AddressFamily.InterNetworkV6, MaximumGateways);
        counts[4] = WriteAddresses(ref lists, NameServers, AddressFamily.InterNetwork, MaximumAddresses);
        counts[5] = WriteAddresses(ref lists, NameServers, AddressFamily.InterNetworkV6, MaximumAddresses);
        for (int i = 0; i < counts.Length; i++) WriteUInt32LittleEndian(destination[(i * sizeof(uint))..], (uint)counts[i]);
    }

    private static void ReadAddresses(ref ReadOnlySpan<byte> lists, int count, int capacity, int bytes, List<string> into)
    {
        for (int i = 0; i < count; i++) into.Add(new IPAddress(lists.Slice(i * bytes, bytes)).ToString());
        lists = lists[(capacity * bytes)..];
    }

    private static int WriteAddresses(ref Span<byte> lists, IReadOnlyList<string> from, AddressFamily family, int capacity)
    {
        int bytes = family == AddressFamily.InterNetwork ? 4 : 16;
        int count = 0;
        foreach (string text in from)
        {
            // A prefix such as 64 would be read as the address 0.0.0.64.
            bool isAddress = family == AddressFamily.InterNetwork ? text.Contains('.', StringComparison.Ordinal) : text.Contains(':', StringComparison.Ordinal);
            if (!isAddress || !IPAddress.TryParse(text, out IPAddress? address) || address.AddressFamily != family) continue;
            address.TryWriteBytes(lists[(count++ * bytes)..], out _);
        }

        lists = lists[(capacity * bytes)..];
        return count;
    }
}
