using System.CommandLine;
using VmBus.Host;

namespace VmBus.Cli.Options;

/// <summary><c>--sandbox on|spawn|off</c>.</summary>
internal static class SandboxOption
{
    /// <summary>Builds the option.</summary>
    public static Option<string> Create() => new("--sandbox")
    {
        HelpName = "on|spawn|off",
        Description = "What the process gives up before the guest runs. on: system calls and kinds of sockets that no partition needs, and starting programs unless a disk or network adapter "
            + "given here is served by one (qemu-nbd for qcow2, vhdx, vhd and vmdk; passt for user; Open vSwitch). spawn: as on, but such disks and adapters can be added later, too. With --given "
            + "the process starts none in any case, and they can be added",
        DefaultValueFactory = _ => "on",
    };

    /// <summary>Reads its value.</summary>
    /// <exception cref="UsageException">It is another word.</exception>
    public static SandboxMode Parse(string text) => text switch
    {
        "on" => SandboxMode.On,
        "spawn" => SandboxMode.Spawn,
        "off" => SandboxMode.Off,
        _ => throw new UsageException($"--sandbox '{text}': must be on, spawn or off."),
    };
}
