using VmBus.Native.Linux;

namespace VmBus.GuestTools.Daemon;

/// <summary>What ended a wait for a request.</summary>
internal enum DeviceEvent
{
    /// <summary>A request can be read.</summary>
    Request,

    /// <summary>The host has taken the service away, or the driver goes.</summary>
    Gone,

    /// <summary>The daemon ends.</summary>
    Stop,

    /// <summary>The time is over.</summary>
    TimeOut,
}

/// <summary>One of hv_utils' devices, open: whole messages in and out. One thread uses it. Source: protocol-spec/integration-data.md#daemons.</summary>
internal sealed class KernelDevice : IDisposable
{
    private const ulong DeviceData = 1;
    private const uint ErrorOrHangUp = 0x8 | 0x10;

    private readonly LinuxFile _file;
    private readonly EpollSet _waits;

    private KernelDevice(LinuxFile file, EpollSet waits) => (_file, _waits) = (file, waits);

    /// <summary>Opens the device.</summary>
    /// <param name="path">Its node.</param>
    /// <param name="stop">Ends waits; not drained.</param>
    /// <param name="errno">Why there is none: EBUSY when another program has it open.</param>
    public static KernelDevice? TryOpen(string path, EventFd stop, out int errno)
    {
        if (LinuxFile.TryOpen(path, LinuxOpen.ReadWrite | LinuxOpen.NonBlocking, out errno) is not { } file) return null;
        EpollSet waits = EpollSet.Create();
        errno = -waits.Add(file.Descriptor, EpollSet.Readable, DeviceData);
        if (errno == 0) errno = -waits.Add(stop.Descriptor, EpollSet.Readable, 0);
        if (errno == 0) return new KernelDevice(file, waits);
        waits.Dispose();
        file.Dispose();
        return null;
    }

    /// <summary>Waits for a request.</summary>
    /// <param name="limit">How long; null for ever.</param>
    public DeviceEvent Wait(TimeSpan? limit)
    {
        Span<EpollEvent> ready = stackalloc EpollEvent[2];
        long end = limit is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue;
        while (true)
        {
            long left = Math.Max(0, end - Environment.TickCount64);
            int count = _waits.Wait(ready, limit is null ? -1 : (int)Math.Min(left, int.MaxValue));
            if (count < 0) return DeviceEvent.Gone;
            for (int i = 0; i < count; i++)
            {
                if (ready[i].Data != DeviceData) return DeviceEvent.Stop;
                if ((ready[i].Events & ErrorOrHangUp) != 0) return DeviceEvent.Gone;
            }

            if (count > 0) return DeviceEvent.Request;
            if (limit is not null && left == 0) return DeviceEvent.TimeOut;
        }
    }

    /// <summary>Reads one message.</summary>
    /// <returns>Its bytes, or negative errno.</returns>
    public int Read(Span<byte> buffer) => DescriptorIo.Read(_file.Descriptor, buffer);

    /// <summary>Writes one message.</summary>
    /// <returns>Its bytes, or negative errno.</returns>
    public int Write(ReadOnlySpan<byte> message) => DescriptorIo.Write(_file.Descriptor, message);

    /// <inheritdoc/>
    public void Dispose()
    {
        _waits.Dispose();
        _file.Dispose();
    }
}
