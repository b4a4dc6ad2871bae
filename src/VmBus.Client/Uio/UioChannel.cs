using System.Buffers.Binary;
using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Memory.Synic;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Uio;

/// <summary>A channel that the guest's kernel has opened for this process: the rings are mapped here, signals and interrupts go through the kernel.</summary>
/// <remarks>
/// One thread, except <see cref="Dispose"/> after it. The kernel closes the channel with the last descriptor. Allocates nothing while it runs.
/// Source: protocol-spec/channel.md#user-space-drivers.
/// </remarks>
public sealed class UioChannel : IPacketChannel, IDisposable
{
    // Which map of the device it is; the place in the device says which.
    private const int MonitorPageMap = 2;

    private readonly LinuxFile _device;
    private readonly ChannelRings _rings;
    private readonly EventFd _wake;
    private readonly MemoryMapping? _monitorPage;
    private readonly MonitorTrigger _trigger;
    private bool _isDisposed;

    private UioChannel(LinuxFile device, ChannelRings rings, EventFd wake, MemoryMapping? monitorPage, byte monitorId)
    {
        (_device, _rings, _wake, _monitorPage) = (device, rings, wake, monitorPage);
        if (monitorPage is not null) _trigger = MonitorTrigger.Of(monitorPage, monitorId);
        // The driver has masked interrupts in the ring itself.
        _rings.Reader.MaskInterrupts();
    }

    /// <summary>Bytes that each ring has for packets.</summary>
    public int RingBytes => _rings.Outbound.DataBytes;

    /// <summary>Both rings. What is done to them behind this channel's back is the caller's.</summary>
    public ChannelRings Rings => _rings;

    /// <summary>Whether the host is signalled by the monitor page, which no hypercall and no kernel has a part in.</summary>
    public bool IsMonitored => _monitorPage is not null;

    /// <summary>Whether the host has taken the device away: nothing comes any more.</summary>
    public bool IsGone { get; private set; }

    /// <summary>Whether a wait was ended by the signal of <see cref="UioDevice.Open"/>.</summary>
    public bool IsWoken { get; private set; }

    /// <inheritdoc/>
    public RingStatus TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
        => IsGone ? RingStatus.Corrupt : _rings.Writer.TryWrite(type, header, payload, transactionId, flags);

    /// <inheritdoc/>
    public void Flush()
    {
        if (_rings.Writer.Commit()) Signal();
    }

    /// <inheritdoc/>
    public RingStatus TryReceive(out RingPacket packet)
    {
        packet = default;
        return IsGone ? RingStatus.Corrupt : _rings.Reader.TryRead(out packet);
    }

    /// <inheritdoc/>
    public void Release()
    {
        if (_rings.Reader.Commit()) Signal();
    }

    /// <inheritdoc/>
    public bool Wait(TimeSpan timeout)
    {
        if (IsGone) return false;
        Release();
        bool came = _rings.Reader.UnmaskInterrupts();
        if (!came) came = WaitForInterrupt(timeout);
        _rings.Reader.MaskInterrupts();
        return came;
    }

    /// <summary>Waits for an interrupt of the host, whatever is in the ring; the kernel masks further ones with it.</summary>
    /// <returns>False when none came in time, or the device is gone.</returns>
    public bool WaitForInterrupt(TimeSpan timeout)
    {
        if (IsGone) return false;
        (bool isReadable, bool isWoken) = DescriptorIo.WaitForInput(_device.Descriptor, _wake, timeout);
        IsWoken |= isWoken;
        return isReadable && TakeInterrupt();
    }

    /// <summary>Signals the host, asked or not.</summary>
    /// <remarks>Where the kernel makes the hypercall it unmasks interrupts too, so one may come that nobody waits for.</remarks>
    public void Signal()
    {
        if (IsMonitored)
        {
            _trigger.Set();
            return;
        }

        Span<byte> enable = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(enable, 1);
        if (DescriptorIo.Write(_device.Descriptor, enable) < 0) IsGone = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _rings.Dispose();
        _monitorPage?.Dispose();
        _device.Dispose();
    }

    /// <summary>Opens the device, which opens the channel, and then maps the rings: the kernel empties them as it opens.</summary>
    /// <param name="device">Its node.</param>
    /// <param name="rings">The file of the rings in sysfs.</param>
    /// <param name="bytes">Of both rings.</param>
    /// <param name="monitorId">Its bit of the monitor page; null for none.</param>
    /// <param name="wake">Ends waits.</param>
    internal static UioChannel Open(string device, string rings, int bytes, byte? monitorId, EventFd wake)
    {
        LinuxFile file = LinuxFile.TryOpen(device, LinuxOpen.ReadWrite, out int errno)
            ?? throw new UioException($"'{device}' cannot be opened ({LinuxException.DescribeError(errno)}): the host has not opened its channel, or another program has it.");
        using LinuxFile? memory = LinuxFile.TryOpen(rings, LinuxOpen.ReadWrite, out errno);
        int pages = bytes / 2 / RingControlPage.Size;
        if (memory is null || !ChannelRings.TryJoin(memory, pages, ChannelRings.UsualMaximumPacketBytes, out ChannelRings? joined))
        {
            file.Dispose();
            throw new UioException($"The rings of '{device}' cannot be mapped from '{rings}'.");
        }

        try
        {
            MemoryMapping? monitorPage = monitorId is null ? null : MemoryMapping.MapDevice(file, MonitorPageMap * (long)Gpa.PageBytes, Gpa.PageBytes);
            return new UioChannel(file, joined!, wake, monitorPage, monitorId ?? 0);
        }
        catch (LinuxException failure)
        {
            joined!.Dispose();
            file.Dispose();
            throw new UioException($"The monitor page of '{device}' cannot be mapped ({failure.Message}).");
        }
    }

    private bool TakeInterrupt()
    {
        Span<byte> count = stackalloc byte[sizeof(uint)];
        IsGone = DescriptorIo.Read(_device.Descriptor, count) != sizeof(uint);
        return !IsGone;
    }
}
