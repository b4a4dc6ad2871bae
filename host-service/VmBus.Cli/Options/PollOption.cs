using System.CommandLine;
using VmBus.Cli.Commands;

namespace VmBus.Cli.Options;

/// <summary><c>--poll MICROSECONDS</c>.</summary>
internal static class PollOption
{
    /// <summary>Builds the option.</summary>
    public static Option<int> Create() => new("--poll")
    {
        HelpName = "MICROSECONDS",
        Description = "How long to look for more of the guest's requests before sleeping, after some that came as quickly: faster, and up to a processor of this host "
            + "for each of the guest's while it is busy; 0 to 10000",
        DefaultValueFactory = _ => 0,
    };

    /// <summary>Reads its value.</summary>
    /// <exception cref="UsageException">It is out of range.</exception>
    public static TimeSpan Parse(int microseconds) => TimeSpan.FromMicroseconds(RunCommand.InRange("--poll", microseconds, 0, 10_000));
}
