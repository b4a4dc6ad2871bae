using System.CommandLine;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Options;

/// <summary>Commands for a partition name it first, except where its control socket is given: then a word is put there that stands for no name.</summary>
internal static class PartitionWords
{
    /// <summary>Completes the command line.</summary>
    /// <param name="root">The commands.</param>
    /// <param name="arguments">What the user has written.</param>
    public static string[] Complete(RootCommand root, string[] arguments)
    {
        Command command = root;
        int at = 0;
        while (at < arguments.Length)
        {
            // The one option that may come before the command takes a value.
            if (command == root && arguments[at] == ServiceOption.Name)
            {
                at += 2;
                continue;
            }

            if (command.Subcommands.FirstOrDefault(one => one.Name == arguments[at] || one.Aliases.Contains(arguments[at])) is not { } inner) break;
            command = inner;
            at++;
        }

        if (command.Arguments.FirstOrDefault()?.Name != PartitionTarget.ArgumentName || at > arguments.Length) return arguments;
        bool hasSocket = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(ControlProtocol.SocketVariable))
            || arguments.Skip(at).TakeWhile(static word => word != "--").Any(static word => word == ControlOption.Name || word.StartsWith(ControlOption.Name + "=", StringComparison.Ordinal));
        return hasSocket ? [.. arguments[..at], PartitionTarget.NoName, .. arguments[at..]] : arguments;
    }
}
