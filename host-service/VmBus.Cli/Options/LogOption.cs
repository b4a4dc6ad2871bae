using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace VmBus.Cli.Options;

/// <summary><c>--log LEVEL</c>.</summary>
internal static class LogOption
{
    /// <summary>Builds the option.</summary>
    public static Option<string> Create()
        => new("--log") { HelpName = "LEVEL", Description = "Least severe messages on standard error: debug, info, warning, error", DefaultValueFactory = _ => "warning" };

    /// <summary>Reads its value.</summary>
    /// <exception cref="UsageException">There is no such level.</exception>
    public static LogLevel Parse(string text) => text switch
    {
        "debug" => LogLevel.Debug,
        "info" => LogLevel.Information,
        "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        _ => throw new UsageException($"--log '{text}': must be debug, info, warning or error."),
    };
}
