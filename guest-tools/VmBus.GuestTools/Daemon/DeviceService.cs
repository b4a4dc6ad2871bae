using VmBus.Native.Linux;

namespace VmBus.GuestTools.Daemon;

/// <summary>Serves one of hv_utils' devices: waits until it is there, registers, answers, and begins again when the host takes it away and brings it back.</summary>
/// <param name="name">What it is called on the command line.</param>
/// <param name="path">The device's node.</param>
/// <param name="handler">Answers.</param>
/// <param name="log">Where messages go.</param>
internal sealed class DeviceService(string name, string path, IRequestHandler handler, DaemonLog log) : IGuestService
{
    // The driver answers a registration at once.
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(10);

    // Nodes come with the driver and seldom; nothing tells of them that is there in every guest.
    private static readonly TimeSpan NodePause = TimeSpan.FromSeconds(1);

    private bool _failed;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public bool Run(EventFd stop)
    {
        while (true)
        {
            if (KernelDevice.TryOpen(path, stop, out int errno) is { } opened)
            {
                using (opened)
                {
                    if (Register(opened) && Serve(opened)) return true;
                }

                // Closed and at once open again, the driver may still be on its way out.
                if (stop.Wait(TimeSpan.FromMilliseconds(200))) return Stopped(stop);
                continue;
            }

            if (errno == Errno.EBUSY)
            {
                log.Say($"{name}: {path} is open in {DeviceHolder.Describe(path)}; it is left to that program");
                return true;
            }

            if (errno is not (Errno.ENOENT or Errno.ENODEV or Errno.ENXIO))
            {
                log.Fail($"{name}: {path} cannot be opened: {LinuxException.DescribeError(errno)}; run vmbus-guest as root");
                return false;
            }

            if (stop.Wait(NodePause)) return Stopped(stop);
        }
    }

    private static bool Stopped(EventFd stop)
    {
        // For the other services.
        stop.Signal();
        return true;
    }

    private bool Register(KernelDevice device)
    {
        Memory<byte> buffer = new byte[handler.MaximumRequestBytes];
        int written = device.Write(handler.Registration.Span);
        int read = written < 0 ? written : device.Wait(HandshakeLimit) == DeviceEvent.Request ? device.Read(buffer.Span) : -Errno.ETIMEDOUT;
        if (read >= 0)
        {
            log.Say($"{name}: ready on {path}");
            _failed = false;
            return true;
        }

        if (!_failed) log.Warn($"{name}: {path} does not take the registration: {LinuxException.DescribeError(-read)}; it is tried again");
        _failed = true;
        return false;
    }

    // True when the daemon ends.
    private bool Serve(KernelDevice device)
    {
        Memory<byte> buffer = new byte[handler.MaximumRequestBytes];
        while (true)
        {
            switch (device.Wait(handler.TimeLeft))
            {
                case DeviceEvent.Stop:
                    handler.Close();
                    return true;
                case DeviceEvent.TimeOut:
                    handler.Expire();
                    break;
                case DeviceEvent.Gone:
                    return Over("the host has taken it away, or the driver goes");
                case DeviceEvent.Request:
                    int read = device.Read(buffer.Span);
                    if (read == -Errno.EAGAIN) break;
                    if (read <= 0) return Over(LinuxException.DescribeError(-read));
                    int written = device.Write(handler.Answer(buffer[..read]).Span);
                    // EINVAL: the driver has given the request up, or the guest was hibernated.
                    if (written < 0) return Over(LinuxException.DescribeError(-written));
                    handler.Answered();
                    break;
            }
        }
    }

    private bool Over(string why)
    {
        handler.Close();
        log.Say($"{name}: {path} is closed: {why}");
        return false;
    }
}
