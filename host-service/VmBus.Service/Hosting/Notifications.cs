using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using VmBus.Service.Partitions;

namespace VmBus.Service.Hosting;

/// <summary>Tells systemd, or whoever has set NOTIFY_SOCKET, that the service is ready, ends, and is alive. Source: sd_notify(3), sd_watchdog_enabled(3).</summary>
/// <param name="registry">What has to answer for the service to be alive.</param>
/// <param name="lifetime">Tells when it is ready and when it ends.</param>
/// <param name="logger">Where a failing look is reported.</param>
internal sealed class Notifications(PartitionRegistry registry, IHostApplicationLifetime lifetime, ILogger<Notifications> logger) : BackgroundService
{
    private readonly SystemdNotifier _notifier = new();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_notifier.IsEnabled) return;
        using CancellationTokenRegistration ready = lifetime.ApplicationStarted.Register(() => _notifier.Notify(ServiceState.Ready));
        using CancellationTokenRegistration stopping = lifetime.ApplicationStopping.Register(() => _notifier.Notify(ServiceState.Stopping));
        if (!long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds) || microseconds < 2)
        {
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        using var timer = new PeriodicTimer(TimeSpan.FromMicroseconds(microseconds / 2));
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                // On the thread pool, and through every partition's lock: what hangs there keeps this from being said.
                foreach (ManagedPartition partition in registry.All) _ = partition.IsActive;
                _notifier.Notify(new ServiceState("WATCHDOG=1"));
            }
        }
        catch (OperationCanceledException)
        {
            // The service ends.
        }
#pragma warning disable CA1031 // The watchdog restarts a service that does not say that it is alive; the log says why.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            ServiceLog.TaskFailed(logger, exception);
        }
    }
}
