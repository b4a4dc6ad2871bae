using VmBus.Client.Integration;
using VmBus.Client.Uio;
using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Files;

/// <summary>Files from the host: over the kernel's device where it has one, else over the channel, which <c>uio_hv_generic</c> opens for this program.</summary>
internal sealed class FileCopyService(FileCopySteps steps, DaemonLog log) : IGuestService
{
    // Nothing tells a program that a device of the VMBus has come.
    private static readonly TimeSpan OfferPause = TimeSpan.FromSeconds(1);

    private string _said = "";

    /// <inheritdoc/>
    public string Name => "fcopy";

    /// <inheritdoc/>
    public bool Run(EventFd stop)
    {
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return FileCopyDriver.IsLeftToPrograms(release)
            ? RunOnChannel(stop)
            : new DeviceService(Name, FileCopyHandler.Device, new FileCopyHandler(steps), log).Run(stop);
    }

    private bool RunOnChannel(EventFd stop)
    {
        while (true)
        {
            if (UioDevice.Find(IntegrationServices.FileCopy.InterfaceType) is [UioDevice device, ..])
            {
                // The kernel lets several programs into one ring, where none would get on.
                if (device.Node is { } node && DeviceHolder.Find(node) is not null)
                {
                    log.Say($"{Name}: {node} is open in {DeviceHolder.Describe(node)}; it is left to that program");
                    return true;
                }

                if (Serve(device, stop)) return true;
            }

            if (!stop.Wait(OfferPause)) continue;
            stop.Signal();
            return true;
        }
    }

    // True when the daemon ends.
    private bool Serve(UioDevice device, EventFd stop)
    {
        try
        {
            device.Bind();
            using UioChannel channel = device.Open(stop);
            log.Say($"{Name}: ready on {device.Node}");
            _said = "";
            var responder = new IntegrationResponder(channel, IntegrationServices.FileCopy, new FileCopyGuest(steps));
            while (responder.Serve(Timeout.InfiniteTimeSpan))
            {
                if (!channel.IsWoken) continue;
                steps.Abandon();
                return true;
            }

            log.Say($"{Name}: {device.Node} is closed: the host has taken it away, or broken its ring");
        }
        catch (UioException failure)
        {
            // It is tried again; what stays as it is is said once.
            if (_said != failure.Message) log.Warn($"{Name}: {failure.Message}");
            _said = failure.Message;
        }

        return false;
    }
}
