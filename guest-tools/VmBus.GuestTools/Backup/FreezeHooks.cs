using VmBus.GuestTools.Daemon;

namespace VmBus.GuestTools.Backup;

/// <summary>Programs of the administrator that bring databases and the like to rest, before and after the file systems.</summary>
internal interface IFreezeHooks
{
    /// <summary>Runs all with the argument <c>freeze</c>, in the order of their names.</summary>
    /// <returns>False when one failed; those that had run have been told <c>thaw</c>.</returns>
    bool Freeze();

    /// <summary>Runs those that had run with the argument <c>thaw</c>, in the reverse order.</summary>
    void Thaw();
}

/// <summary>The programs of a folder.</summary>
/// <param name="folder">The folder.</param>
/// <param name="record">Keeps which were told of the freeze for <see cref="LeftOver"/>.</param>
/// <param name="log">Where their failures go.</param>
internal sealed class FreezeHooks(HookFolder folder, FrozenRecord record, DaemonLog log) : IFreezeHooks
{
    /// <summary>Where the programs are looked for.</summary>
    public const string DefaultFolder = "/etc/vmbus-guest/freeze.d";

    /// <summary>How long all of them together may take: hosts give a freeze a minute.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(40);

    private readonly List<string> _ran = [];

    /// <inheritdoc/>
    public bool Freeze()
    {
        IReadOnlyList<string> programs = folder.Programs;
        foreach (string program in programs)
        {
            // Told of the thaw even when it failed: it may have begun.
            _ran.Add(program);
            record.Write(_ran);
            if (ProgramRun.Run(program, ["freeze"], Limit / programs.Count, out string said)) continue;
            log.Fail($"vss: {said}; nothing is frozen");
            Thaw();
            return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public void Thaw()
    {
        for (int i = _ran.Count - 1; i >= 0; i--)
        {
            if (!ProgramRun.Run(_ran[i], ["thaw"], Limit / _ran.Count, out string said)) log.Warn($"vss: {said}");
        }

        _ran.Clear();
        record.Clear();
    }
}
