using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using VmBus.Control.Server;
using VmBus.Service.Hosting;
using VmBus.Service.Http;
using VmBus.Service.Metrics;
using VmBus.Service.Partitions;
using VmBus.Service.Workers;

namespace VmBus.Service;

/// <summary><c>vmbusd</c>, the parent-partition service; <c>vmbus serve</c> starts it.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        try
        {
            HostApplicationBuilder builder = Configure(arguments);
            using IHost host = builder.Build();
            using var meter = new ServiceMeter(host.Services.GetRequiredService<SampleCollector>());
            var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
            try
            {
                await host.StartAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                // It was asked to end before all of it had begun; what has is ended all the same.
            }

            await host.WaitForShutdownAsync().ConfigureAwait(false);
            return 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"vmbusd: {(exception.InnerException is FormatException or System.Text.Json.JsonException ? exception.InnerException.Message : exception.Message).ReplaceLineEndings(" ")}").ConfigureAwait(false);
            return 1;
        }
    }

    private static HostApplicationBuilder Configure(string[] arguments)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ApplicationName = "vmbusd", ContentRootPath = "/" });
        builder.Configuration
            .AddJsonFile(Path.Combine(ServiceOptions.ConfigurationFolder, "appsettings.json"), optional: true)
            .AddEnvironmentVariables("VMBUSD_")
            .AddCommandLine(arguments);
        ServiceOptions options = builder.Configuration.GetSection(ServiceOptions.Section).Get<ServiceOptions>() ?? new ServiceOptions();
        builder.Logging.ClearProviders();
        builder.Logging.SetMinimumLevel(LogLevel.Trace);
        builder.Logging.AddSerilog(ServiceLogging.Create(builder.Configuration), dispose: true);
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(new EventHub("*", PartitionService.Limits.WaitingEvents));
        builder.Services.AddSingleton<WorkerWatch>();
        builder.Services.AddSingleton<WorkerLauncher>();
        builder.Services.AddSingleton<PartitionRegistry>();
        builder.Services.AddSingleton<SampleCollector>();
        builder.Services.AddHostedService<PartitionService>();
        builder.Services.AddHostedService<HttpService>();
        builder.Services.AddHostedService<Notifications>();
        return builder;
    }
}
