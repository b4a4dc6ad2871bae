using System.Buffers.Binary;
using VmBus.Native.Linux;

namespace VmBus.Machine.Pci;

/// <summary>The MSI-X table of a function, and the interrupts that its entries stand for.</summary>
/// <remarks>
/// An entry that is masked has its eventfd taken from the kernel's hands, so what a device signals meanwhile stays in the eventfd: that is its pending bit, and
/// the kernel sends it when it gets the eventfd back. Guarded by the function's lock. Source: PCI Local Bus 3.0, 6.8.2.
/// </remarks>
internal sealed class MessageTable
{
    /// <summary>Bytes of an entry: address, data, control.</summary>
    public const int EntryBytes = 16;

    /// <summary>Most entries: a page's worth.</summary>
    public const int MaximumEntries = 256;

    private const int DataAt = 8;
    private const int ControlAt = 12;
    private const byte Masked = 1;

    private readonly IReadOnlyList<EventFd> _triggers;
    private readonly Entry[] _entries;
    private readonly byte[] _table;
    private bool _enabled;

    /// <summary>A table whose entries are masked.</summary>
    public MessageTable(IPciHost host, IReadOnlyList<EventFd> triggers)
    {
        _triggers = triggers;
        _entries = [.. triggers.Select(trigger => new Entry(host.AddMessage(trigger)))];
        _table = new byte[triggers.Count * EntryBytes];
        for (int i = 0; i < triggers.Count; i++) _table[(i * EntryBytes) + ControlAt] = Masked;
    }

    /// <summary>Reads the table.</summary>
    public void Read(int offset, Span<byte> data) => Copy(_table, offset, data);

    /// <summary>Reads the pending bits, eight entries a byte.</summary>
    public void ReadPending(int offset, Span<byte> data)
    {
        Span<byte> bits = stackalloc byte[MaximumEntries / 8];
        bits.Clear();
        for (int i = 0; i < _entries.Length; i++)
        {
            if (!_entries[i].IsConnected && _triggers[i].IsSignalled) bits[i / 8] |= (byte)(1 << (i % 8));
        }

        Copy(bits, offset, data);
    }

    /// <summary>Writes the table.</summary>
    public void Write(int offset, ReadOnlySpan<byte> data)
    {
        // The standard has drivers write 4 or 8 bytes, in their places.
        if (data.Length is not (4 or 8) || offset % data.Length != 0 || offset > _table.Length - data.Length) return;
        data.CopyTo(_table.AsSpan(offset));
        int index = offset / EntryBytes;
        _table.AsSpan((index * EntryBytes) + ControlAt, 4)[0] &= Masked;
        _table.AsSpan((index * EntryBytes) + ControlAt + 1, 3).Clear();
        Apply(index);
    }

    /// <summary>Says whether messages are sent at all: they are enabled, and not all of them masked.</summary>
    public void Enable(bool enabled)
    {
        if (_enabled == enabled) return;
        _enabled = enabled;
        for (int i = 0; i < _entries.Length; i++) Apply(i);
    }

    private static void Copy(ReadOnlySpan<byte> source, int offset, Span<byte> data)
    {
        data.Clear();
        if (offset < source.Length) source.Slice(offset, Math.Min(data.Length, source.Length - offset)).CopyTo(data);
    }

    private void Apply(int index)
    {
        ref Entry entry = ref _entries[index];
        ReadOnlySpan<byte> bytes = _table.AsSpan(index * EntryBytes, EntryBytes);
        ulong address = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        uint data = BinaryPrimitives.ReadUInt32LittleEndian(bytes[DataAt..]);
        bool connected = _enabled && (bytes[ControlAt] & Masked) == 0;
        if (connected && (!entry.IsConnected || (entry.Address, entry.Data) != (address, data))) entry.Interrupt.Connect(address, data);
        else if (!connected && entry.IsConnected) entry.Interrupt.Disconnect();
        entry = entry with { IsConnected = connected, Address = address, Data = data };
    }

    private readonly record struct Entry(IMessageInterrupt Interrupt, bool IsConnected = false, ulong Address = 0, uint Data = 0);
}
