using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Backup;

/// <summary>What a daemon that has died has left frozen.</summary>
/// <param name="frozen">Keeps the mount points.</param>
/// <param name="told">Keeps the programs that were told of the freeze.</param>
internal sealed class LeftOver(FrozenRecord frozen, FrozenRecord told)
{
    /// <summary>Thaws it, and tells the programs.</summary>
    /// <param name="say">Takes a line for what did not work.</param>
    /// <returns>Whether nothing is left.</returns>
    public bool Thaw(Action<string> say)
    {
        bool isDone = true;
        foreach (string path in frozen.Read())
        {
            using MountPoint? place = MountPoint.TryOpen(path, out int errno);
            if (place is not null) errno = -place.Thaw();
            // EINVAL: it was not frozen.
            if (errno is 0 or Errno.EINVAL) continue;
            say($"{PeerText.Escape(path)} cannot be thawed: {LinuxException.DescribeError(errno)}; try 'fsfreeze --unfreeze', as root");
            isDone = false;
        }

        if (!isDone) return false;
        IReadOnlyList<string> programs = told.Read();
        foreach (string program in programs)
        {
            if (!ProgramRun.Run(program, ["thaw"], FreezeHooks.Limit / programs.Count, out string said)) say(said);
        }

        told.Clear();
        frozen.ClearUntold();
        return true;
    }
}
