using VmBus.Host.Integration;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Capture;

/// <summary>What the host asks of a guest so that a capture has every service that answers without a daemon; the last request powers the guest off.</summary>
internal static class IntegrationTalk
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    // The guest's kernel answers for those; the key-value driver waits for its daemon.
    private static readonly IntegrationService[] Kernel =
        [IntegrationServices.Heartbeat, IntegrationServices.Shutdown, IntegrationServices.TimeSync, IntegrationServices.Backup];

    /// <summary>Waits for the guest's drivers, then asks.</summary>
    public static async Task RunAsync(IIntegrationControl guest)
    {
        while (!Kernel.All(service => guest.Services.Any(info => info.Service == service && info.Contact == IntegrationContact.Ready)))
            await Task.Delay(LookAgain).ConfigureAwait(false);
        while (guest.Heartbeat.Answered < 3) await Task.Delay(LookAgain).ConfigureAwait(false);
        await guest.SynchronizeTimeAsync().ConfigureAwait(false);
        await RefusedAsync(guest.FreezeAsync(TimeSpan.FromMinutes(1))).ConfigureAwait(false);
        await RefusedAsync(guest.CopyFileAsync("/etc/hostname", "/tmp/", FileCopyFlags.CreatePath)).ConfigureAwait(false);
        await RefusedAsync(guest.ShutdownAsync(GuestShutdown.Hibernate, force: false)).ConfigureAwait(false);
        await guest.ShutdownAsync(GuestShutdown.PowerOff, force: false).ConfigureAwait(false);
    }

    private static async Task RefusedAsync(Task request)
    {
        try
        {
            await request.ConfigureAwait(false);
        }
        catch (IntegrationException)
        {
            // The minimal guest has no daemons, and no state to hibernate to.
        }
    }
}
