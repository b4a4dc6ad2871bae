using System.CommandLine;
using VmBus.Control.Server;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Options;

/// <summary>Reads <c>--control</c>: of <c>vmbus run</c>, which makes the socket, and of the commands that use it.</summary>
internal static class ControlOption
{
    /// <summary>Its name.</summary>
    public const string Name = "--control";

    /// <summary>The option of a command that uses a socket.</summary>
    public static Option<string?> Create() => new(Name)
    {
        HelpName = "PATH",
        Description = $"The control socket of the partition, as 'vmbus run --control' made it; without this, what the variable {ControlProtocol.SocketVariable} names",
    };

    /// <summary>Which socket is to be used.</summary>
    /// <exception cref="UsageException">None is named.</exception>
    public static string PathOf(string? given)
    {
        string? path = given ?? Environment.GetEnvironmentVariable(ControlProtocol.SocketVariable);
        return string.IsNullOrEmpty(path)
            ? throw new UsageException($"--control PATH is missing, and {ControlProtocol.SocketVariable} is not set: name the partition's control socket.")
            : path;
    }

    /// <summary>The socket that is to be made.</summary>
    /// <exception cref="UsageException">The text is none.</exception>
    public static ControlSocketOptions Parse(string text)
    {
        try
        {
            return ControlSocketOptions.Parse(text);
        }
        catch (FormatException exception)
        {
            throw new UsageException($"--control {exception.Message}");
        }
    }
}
