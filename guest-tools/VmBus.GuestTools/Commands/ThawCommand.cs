using System.CommandLine;
using VmBus.GuestTools.Backup;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest thaw</c>: the way out when the daemon has died with frozen file systems.</summary>
internal static class ThawCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("thaw", "Thaws what a daemon that has died had frozen; its unit runs this itself.");
        command.SetAction(static _ => Run(new FrozenRecord(FrozenRecord.DefaultPath)));
        return command;
    }

    private static int Run(FrozenRecord record)
    {
        int failures = 0;
        foreach (string path in record.Read())
        {
            using MountPoint? place = MountPoint.TryOpen(path, out int errno);
            if (place is not null) errno = -place.Thaw();
            // EINVAL: it was not frozen.
            if (errno is 0 or Errno.EINVAL) continue;
            Console.Error.WriteLine($"vmbus-guest: {ShownText.Escape(path)} cannot be thawed: {LinuxException.DescribeError(errno)}; try 'fsfreeze --unfreeze', as root");
            failures++;
        }

        if (failures == 0) record.Clear();
        return failures == 0 ? ExitStatus.Success : ExitStatus.Failure;
    }
}
