using VmBus.Protocol.Integration;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.GuestTools.KeyValues;

/// <summary>A key-value request as the kernel hands it to its daemon, which is not what the host sent: UTF-8, and other offsets. 7432 bytes.</summary>
/// <param name="message">The message; the answer is written into it.</param>
/// <remarks>
/// Everything: [0) operation u8 · [1) pool u8; in the answer [0) status u32.
/// Get, set: [8) key bytes u32 · [12) value bytes u32 · [16) key 512 · [528) value 2048.
/// Delete: [4) key bytes u32 · [8) key 512.
/// Enumerate: [4) index u32 · [8) type u32 · [12) key bytes u32 · [16) value bytes u32 · [20) key 512 · [532) value 2048.
/// Addresses: [4) adapter 256 · [260) families u8 · [261) DHCP u8 · [262) addresses 2048 · [2310) subnets 2048 · [4358) gateways 1024 · [5382) name servers 2048.
/// Source: protocol-spec/integration-data.md#key-value-daemon.
/// </remarks>
internal readonly ref struct KvpRequest(Span<byte> message)
{
    /// <summary>Bytes of every message.</summary>
    public const int Size = 7432;

    /// <summary>The operation that registers.</summary>
    public const byte Register = 100;

    private const int ItemKeyOffset = 16;
    private const int ItemValueOffset = 528;
    private const int DeleteKeyOffset = 8;
    private const int IndexOffset = 4;
    private const int TypeOffset = 8;
    private const int KeyBytesOffset = 12;
    private const int ValueBytesOffset = 16;
    private const int EnumerateKeyOffset = 20;
    private const int EnumerateValueOffset = 532;
    private const int AdapterOffset = 4;
    private const int AdapterBytes = 256;
    private const int FamiliesOffset = AdapterOffset + AdapterBytes;
    private const int DhcpOffset = FamiliesOffset + 1;

    // Addresses, subnets, gateways, name servers.
    private static readonly (int Offset, int Bytes)[] Lists = [(262, 2048), (2310, 2048), (4358, 1024), (5382, 2048)];

    private readonly Span<byte> _message = message;

    /// <summary>What is asked.</summary>
    public KvpOperation Operation => (KvpOperation)_message[0];

    /// <summary>In which pool.</summary>
    public KvpPool Pool => (KvpPool)_message[1];

    /// <summary>Of <see cref="KvpOperation.Enumerate"/>: which item.</summary>
    public uint Index => ReadUInt32LittleEndian(_message[IndexOffset..]);

    /// <summary>Of <see cref="KvpOperation.Get"/>, <see cref="KvpOperation.Set"/> and <see cref="KvpOperation.Delete"/>: its key.</summary>
    public string Key => FixedText.Read(_message.Slice(Operation == KvpOperation.Delete ? DeleteKeyOffset : ItemKeyOffset, KvpPoolFile.KeyBytes));

    /// <summary>Of <see cref="KvpOperation.Set"/>: the item. The kernel has made text of numbers.</summary>
    public KvpItem Item => new(Key, FixedText.Read(_message.Slice(ItemValueOffset, KvpPoolFile.ValueBytes)));

    /// <summary>Of the operations on addresses: the adapter, the families and, when they are set, the addresses.</summary>
    public KvpAddresses Addresses
    {
        get
        {
            var lists = new string[Lists.Length][];
            for (int i = 0; i < lists.Length; i++)
            {
                lists[i] = FixedText.Read(_message.Slice(Lists[i].Offset, Lists[i].Bytes))
                    .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            }

            return new(
                FixedText.Read(_message.Slice(AdapterOffset, AdapterBytes)), (KvpAddressFamilies)_message[FamiliesOffset], _message[DhcpOffset] != 0,
                lists[0], lists[1], lists[2], lists[3]);
        }
    }

    /// <summary>Answers with a status.</summary>
    public void Answer(IntegrationStatus status) => WriteUInt32LittleEndian(_message, (uint)status);

    /// <summary>Answers <see cref="KvpOperation.Enumerate"/> or <see cref="KvpOperation.Get"/>.</summary>
    /// <remarks>
    /// The kernel reads the value of either where an enumeration has it. Debian's daemon puts that of Get four bytes before, which is why hosts see it
    /// empty there and right here.
    /// </remarks>
    public void Answer(KvpItem item)
    {
        if (Operation == KvpOperation.Enumerate)
        {
            WriteUInt32LittleEndian(_message[TypeOffset..], (uint)KvpValueType.Text);
            WriteUInt32LittleEndian(_message[KeyBytesOffset..], (uint)FixedText.Write(_message.Slice(EnumerateKeyOffset, KvpPoolFile.KeyBytes), item.Key));
        }

        int valueBytes = FixedText.Write(_message.Slice(EnumerateValueOffset, KvpPoolFile.ValueBytes), item.Value);
        if (Operation == KvpOperation.Enumerate) WriteUInt32LittleEndian(_message[ValueBytesOffset..], (uint)valueBytes);
        Answer(IntegrationStatus.Success);
    }

    /// <summary>Answers <see cref="KvpOperation.GetAddresses"/>. What has no room in a list is left out, whole.</summary>
    public void Answer(KvpAddresses addresses)
    {
        _message[FamiliesOffset] = (byte)addresses.Families;
        _message[DhcpOffset] = addresses.Dhcp ? (byte)1 : (byte)0;
        IReadOnlyList<string>[] lists = [addresses.Addresses, addresses.Subnets, addresses.Gateways, addresses.NameServers];
        for (int i = 0; i < lists.Length; i++)
            FixedText.Write(_message.Slice(Lists[i].Offset, Lists[i].Bytes), JoinWhole(lists[i], Lists[i].Bytes));
        Answer(IntegrationStatus.Success);
    }

    /// <summary>Entries with a semicolon between them, as many as have room in a field with a NUL at its end.</summary>
    internal static string JoinWhole(IReadOnlyList<string> entries, int fieldBytes)
    {
        string text = "";
        foreach (string entry in entries)
        {
            string longer = text.Length == 0 ? entry : $"{text};{entry}";
            if (!FixedText.Fits(longer, fieldBytes)) break;
            text = longer;
        }

        return text;
    }
}
