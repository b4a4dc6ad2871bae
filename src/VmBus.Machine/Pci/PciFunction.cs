using System.Buffers.Binary;
using VmBus.Native.Linux;

namespace VmBus.Machine.Pci;

/// <summary>Configuration space and registers of one device on a machine's PCI bus: one range of memory, and interrupts by MSI-X.</summary>
/// <remarks>
/// Registers take 16 KiB: the device's from 0, doorbells among them, the table of messages at 8 KiB, the pending bits at 12 KiB. There are no I/O
/// ports and no interrupt line. Any vCPU thread. Source: PCI Local Bus 3.0, chapter 6; protocol-spec/machine.md#pci.
/// </remarks>
public sealed class PciFunction
{
    /// <summary>Bytes of a function's registers.</summary>
    public const int RegisterBytes = 0x4000;

    /// <summary>Where the table of messages begins: the end of what a device has for itself.</summary>
    public const int TableAt = 0x2000;

    private const int PendingAt = 0x3000;
    private const int CommandAt = 0x04;
    private const int RangeAt = 0x10;
    private const int CapabilitiesAt = 0x40;
    private const int MessageCapabilityBytes = 12;
    private const byte MessageCapability = 0x11;
    private const byte HasCapabilities = 0x10;
    private const byte DecodesMemory = 0x02;
    private const ushort CommandWritable = 0x0406;
    private const ushort MessageControlWritable = 0xC000;
    private const ushort MessagesEnabled = 0x8000;
    private const ushort MessagesMasked = 0x4000;

    // Of a capability that reaches registers: bar, offset and length, then the data.
    private const int AccessBarAt = 4;
    private const int AccessOffsetAt = 8;
    private const int AccessLengthAt = 12;
    private const int AccessDataAt = 16;

    private readonly IPciDevice _device;
    private readonly IPciHost _host;
    private readonly MessageTable _messages;
    private readonly byte[] _space = new byte[PciLayout.FunctionBytes];
    private readonly byte[] _writable = new byte[PciLayout.FunctionBytes];
    private readonly Lock _gate = new();
    private readonly int _accessAt;
    private ulong? _bound;

    /// <summary>A function in its power-on state: its registers have a place, and nothing is decoded.</summary>
    /// <param name="device">What is behind it.</param>
    /// <param name="host">The machine.</param>
    /// <param name="address">Where its registers are until the guest says otherwise.</param>
    internal PciFunction(IPciDevice device, IPciHost host, uint address)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(device.Messages.Count, MessageTable.MaximumEntries, nameof(device));
        _device = device;
        _host = host;
        _messages = new MessageTable(host, device.Messages);
        PciIdentity identity = device.Identity;
        Set16(0x00, identity.Vendor);
        Set16(0x02, identity.Device);
        _space[0x06] = HasCapabilities;
        Set32(0x08, (identity.Class << 8) | identity.Revision);
        Set16(0x2C, identity.Vendor);
        Set16(0x2E, identity.Subsystem);
        Set32(RangeAt, address);
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(CommandAt), CommandWritable);
        // The low bits that stay zero are how a guest learns the length.
        BinaryPrimitives.WriteUInt32LittleEndian(_writable.AsSpan(RangeAt), ~(uint)(RegisterBytes - 1));
        _accessAt = AddCapabilities();
    }

    /// <summary>The guest reads configuration space. Bytes beyond it are zero.</summary>
    internal void ReadConfiguration(int offset, Span<byte> data)
    {
        lock (_gate)
        {
            for (int i = 0; i < data.Length; i++) data[i] = offset + i < _space.Length ? _space[offset + i] : (byte)0;
            if (offset == _accessAt + AccessDataAt && TryFindAccess(data.Length, out int at)) ReadRegisters(at, data);
        }
    }

    /// <summary>The guest writes configuration space.</summary>
    internal void WriteConfiguration(int offset, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            for (int i = 0; i < data.Length && offset + i < _space.Length; i++)
            {
                byte mask = _writable[offset + i];
                _space[offset + i] = (byte)((_space[offset + i] & ~mask) | (data[i] & mask));
            }

            if (offset == _accessAt + AccessDataAt && TryFindAccess(data.Length, out int at)) WriteRegisters(at, data);
            ushort control = BinaryPrimitives.ReadUInt16LittleEndian(_space.AsSpan(CapabilitiesAt + 2));
            _messages.Enable((control & (MessagesEnabled | MessagesMasked)) == MessagesEnabled);
            BindDoorbells();
        }
    }

    /// <summary>The guest reads memory.</summary>
    /// <returns>False when the registers are elsewhere.</returns>
    internal bool TryRead(ulong address, Span<byte> data)
    {
        lock (_gate)
        {
            if (!TryFind(address, out int offset)) return false;
            ReadRegisters(offset, data);
            return true;
        }
    }

    /// <summary>The guest writes memory.</summary>
    /// <returns>False when the registers are elsewhere.</returns>
    internal bool TryWrite(ulong address, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (!TryFind(address, out int offset)) return false;
            WriteRegisters(offset, data);
            return true;
        }
    }

    private int AddCapabilities()
    {
        int at = CapabilitiesAt;
        int access = 0;
        _space[0x34] = CapabilitiesAt;
        _space[at] = MessageCapability;
        Set16(at + 2, (ushort)(_device.Messages.Count - 1));
        Set32(at + 4, TableAt);
        Set32(at + 8, PendingAt);
        BinaryPrimitives.WriteUInt16LittleEndian(_writable.AsSpan(at + 2), MessageControlWritable);
        int before = at;
        at += MessageCapabilityBytes;
        for (int i = 0; i < _device.Capabilities.Count; i++)
        {
            byte[] capability = _device.Capabilities[i];
            capability.CopyTo(_space, at);
            _space[before + 1] = (byte)at;
            _space[at + 1] = 0;
            if (i == _device.AccessCapability)
            {
                access = at;
                _writable[at + AccessBarAt] = 0xFF;
                _writable.AsSpan(at + AccessOffsetAt, AccessDataAt + 4 - AccessOffsetAt).Fill(0xFF);
            }

            before = at;
            at += (capability.Length + 3) / 4 * 4;
        }

        return access;
    }

    private bool TryFindAccess(int bytes, out int offset)
    {
        uint at = BinaryPrimitives.ReadUInt32LittleEndian(_space.AsSpan(_accessAt + AccessOffsetAt));
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_space.AsSpan(_accessAt + AccessLengthAt));
        offset = (int)(at & (RegisterBytes - 1));
        return _space[_accessAt + AccessBarAt] == 0 && at < RegisterBytes && length == bytes && length is 1 or 2 or 4;
    }

    private void ReadRegisters(int offset, Span<byte> data)
    {
        if (offset >= PendingAt) _messages.ReadPending(offset - PendingAt, data);
        else if (offset >= TableAt) _messages.Read(offset - TableAt, data);
        else _device.Read(offset, data);
    }

    // Doorbells that the kernel takes do not come here, but for writes through configuration space.
    private void WriteRegisters(int offset, ReadOnlySpan<byte> data)
    {
        if (offset is >= TableAt and < PendingAt)
        {
            _messages.Write(offset - TableAt, data);
            return;
        }

        if (offset >= PendingAt) return;
        foreach ((int at, EventFd target) in _device.Doorbells)
        {
            if (at != offset) continue;
            target.Signal();
            return;
        }

        _device.Write(offset, data);
    }

    private bool TryFind(ulong address, out int offset)
    {
        ulong start = BinaryPrimitives.ReadUInt32LittleEndian(_space.AsSpan(RangeAt));
        offset = (int)Math.Min(address - start, RegisterBytes);
        return (_space[CommandAt] & DecodesMemory) != 0 && offset < RegisterBytes;
    }

    // Only inside the bridge's window: what lies elsewhere is RAM or another device's.
    private void BindDoorbells()
    {
        ulong start = BinaryPrimitives.ReadUInt32LittleEndian(_space.AsSpan(RangeAt));
        bool decodes = (_space[CommandAt] & DecodesMemory) != 0 && start - PciLayout.WindowStart <= PciLayout.WindowBytes - RegisterBytes;
        ulong? wanted = decodes ? start : null;
        if (wanted == _bound) return;
        if (_bound is { } old) foreach ((int offset, EventFd target) in _device.Doorbells) _host.UnbindWrite(old + (ulong)offset, target);
        _bound = wanted;
        // One that the kernel does not take comes as a write.
        if (wanted is { } now) foreach ((int offset, EventFd target) in _device.Doorbells) _ = _host.BindWrite(now + (ulong)offset, target);
    }

    private void Set16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_space.AsSpan(offset), value);

    private void Set32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_space.AsSpan(offset), value);
}
