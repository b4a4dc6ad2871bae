namespace VmBus.GuestTools.Backup;

/// <summary>What is to be undone, as paths, where another process finds it when this one has died: in memory, under /run.</summary>
/// <param name="path">The file.</param>
internal sealed class FrozenRecord(string path)
{
    /// <summary>Where the daemon keeps the mount points of what is frozen.</summary>
    public const string DefaultPath = "/run/vmbus-guest/frozen";

    /// <summary>Where it keeps the programs that were told of the freeze.</summary>
    public const string DefaultHooksPath = "/run/vmbus-guest/told";

    private string Untold => path + "-untold";

    /// <summary>Keeps the paths, in the order in which it is done. Called before.</summary>
    public void Write(IEnumerable<string> paths)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // A name may hold any character but NUL.
        File.WriteAllText(path, string.Join('\0', paths));
    }

    /// <summary>The paths in the order in which it is undone; none when nothing is to be.</summary>
    public IReadOnlyList<string> Read() => File.Exists(path) ? [.. File.ReadAllText(path).Split('\0', StringSplitOptions.RemoveEmptyEntries).Reverse()] : [];

    /// <summary>Nothing is to be undone any more.</summary>
    public void Clear() => File.Delete(path);

    /// <summary>Nothing is to be undone any more, and the host has not been told.</summary>
    public void ClearUntold()
    {
        if (File.Exists(path)) File.Move(path, Untold, overwrite: true);
    }

    /// <summary>Whether <see cref="ClearUntold"/> was called since the last call of this.</summary>
    public bool TakeUntold()
    {
        if (!File.Exists(Untold)) return false;
        File.Delete(Untold);
        return true;
    }
}
