using System.Globalization;
using Microsoft.Extensions.Configuration;
using Serilog;
using Serilog.Events;
using Serilog.Settings.Configuration;

namespace VmBus.Service.Hosting;

/// <summary>Where the service's log goes: standard error (systemd's journal) and a file a day; section <c>Serilog</c> of the configuration changes it.</summary>
internal static class ServiceLogging
{
    private const string Line = "[{Level:u3}] {Partition:l}{Separator:l}{Message:l}{NewLine}{Exception}";
    private const long FileBytes = 16 << 20;
    private const int Files = 14;

    /// <summary>Makes it.</summary>
    public static Serilog.Core.Logger Create(IConfiguration configuration)
    {
        // A program that is one file has no folder where these could be looked for.
        var sinks = new ConfigurationReaderOptions(typeof(ConsoleLoggerConfigurationExtensions).Assembly, typeof(FileLoggerConfigurationExtensions).Assembly);
        LoggerConfiguration log = new LoggerConfiguration()
            .MinimumLevel.Information()
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // Why the service does not start is one line, which Main prints.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting.Internal.Host", LogEventLevel.Fatal)
            .Enrich.FromLogContext()
            .Enrich.With<PartitionSeparator>()
            .ReadFrom.Configuration(configuration, sinks);
        if (configuration.GetSection("Serilog:WriteTo").Exists()) return log.CreateLogger();
        string time = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is null ? "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} " : "";
        log.WriteTo.Console(outputTemplate: time + Line, standardErrorFromLevel: LogEventLevel.Verbose, formatProvider: CultureInfo.InvariantCulture);
        log.WriteTo.File(
            Path.Combine(ServiceOptions.LogFolder, "vmbusd-.log"),
            outputTemplate: "{Timestamp:yyyy-MM-dd HH:mm:ss.fff zzz} " + Line,
            formatProvider: CultureInfo.InvariantCulture,
            rollingInterval: RollingInterval.Day,
            fileSizeLimitBytes: FileBytes,
            rollOnFileSizeLimit: true,
            retainedFileCountLimit: Files);
        return log.CreateLogger();
    }
}
