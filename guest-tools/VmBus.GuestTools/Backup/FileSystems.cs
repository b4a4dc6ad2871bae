using VmBus.GuestTools.Daemon;
using VmBus.Native.Linux;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Backup;

/// <summary>Brings this guest's file systems to rest, all or none.</summary>
internal interface IFileSystems
{
    /// <summary>Whether <see cref="Freeze"/> has succeeded and <see cref="Thaw"/> has not been called since.</summary>
    bool AreFrozen { get; }

    /// <summary>Freezes them.</summary>
    /// <returns>False, with none frozen by this call, and the reason in the log.</returns>
    bool Freeze();

    /// <summary>Thaws them in the reverse order.</summary>
    /// <returns>Whether all that were frozen stayed so until now.</returns>
    bool Thaw();
}

/// <summary>The file systems of the mount table.</summary>
/// <param name="record">Keeps what is frozen for <c>vmbus-guest thaw</c>.</param>
/// <param name="log">Held while anything is frozen: the journal is a file.</param>
internal sealed class FileSystems(FrozenRecord record, DaemonLog log) : IFileSystems
{
    private readonly List<(MountedFileSystem System, IFreezable Open)> _frozen = [];

    /// <inheritdoc/>
    public bool AreFrozen => _frozen.Count > 0;

    /// <inheritdoc/>
    public bool Freeze()
    {
        string[] table = File.ReadAllLines(MountTable.Path);
        WriteOut(MountTable.ToWriteOut(table));
        var open = new List<(MountedFileSystem System, IFreezable Open)>();
        foreach (MountedFileSystem system in MountTable.ToFreeze(table))
        {
            if (OpenFileSystem.TryOpen(system, out string why) is { } opened)
            {
                open.Add((system, opened));
                continue;
            }

            log.Fail($"vss: {Show(system)} cannot be frozen: {why}; nothing is");
            open.ForEach(static entry => entry.Open.Dispose());
            return false;
        }

        if (open.Count == 0)
        {
            log.Fail("vss: there is no file system to freeze: none is writable, on a block device and of a kind that can be frozen");
            return false;
        }

        record.Write(open.Select(static entry => entry.System.MountPoint));
        log.Hold();
        return FreezeAll(open);
    }

    /// <inheritdoc/>
    public bool Thaw()
    {
        bool held = true;
        for (int i = _frozen.Count - 1; i >= 0; i--)
        {
            (MountedFileSystem system, IFreezable open) = _frozen[i];
            int result = open.Thaw();
            if (result < 0) log.Warn($"vss: {Show(system)} was thawed by another program, or cannot be: {LinuxException.DescribeError(-result)}");
            held &= result == 0;
            open.Dispose();
        }

        int count = _frozen.Count;
        _frozen.Clear();
        log.Release();
        record.Clear();
        if (count > 0) log.Say($"vss: thawed {count} file systems");
        return held;
    }

    private static string Show(MountedFileSystem system) => $"{PeerText.Escape(system.MountPoint)} ({system.Kind})";

    private bool FreezeAll(List<(MountedFileSystem System, IFreezable Open)> open)
    {
        bool isWhole = true;
        foreach ((MountedFileSystem system, IFreezable file) in open)
        {
            int result = isWhole ? file.Freeze() : -Errno.ECANCELED;
            if (result == 0)
            {
                _frozen.Add((system, file));
                continue;
            }

            if (isWhole)
            {
                string why = result == -Errno.EBUSY ? "another program has frozen it" : LinuxException.DescribeError(-result);
                log.Fail($"vss: {Show(system)} cannot be frozen: {why}; all are thawed again");
            }

            isWhole = false;
            file.Dispose();
        }

        if (!isWhole) Thaw();
        else log.Say($"vss: froze {string.Join(", ", _frozen.Select(static entry => Show(entry.System)))}");
        return isWhole;
    }

    private void WriteOut(IReadOnlyList<MountedFileSystem> systems)
    {
        foreach (MountedFileSystem system in systems)
        {
            using OpenFileSystem? open = OpenFileSystem.TryOpen(system, out string why);
            int result = open?.WriteOut() ?? -1;
            if (open is null || result < 0)
                log.Warn($"vss: {Show(system)} was not written out: {(open is null ? why : LinuxException.DescribeError(-result))}");
        }
    }
}
