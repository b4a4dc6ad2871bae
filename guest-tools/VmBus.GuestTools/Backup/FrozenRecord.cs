namespace VmBus.GuestTools.Backup;

/// <summary>Which file systems are frozen, where another process finds it when this one has died: in memory, under /run.</summary>
/// <param name="path">The file.</param>
internal sealed class FrozenRecord(string path)
{
    /// <summary>Where the daemon keeps it.</summary>
    public const string DefaultPath = "/run/vmbus-guest/frozen";

    /// <summary>Keeps the mount points, in the order in which they are to be frozen. Called before the first is.</summary>
    public void Write(IEnumerable<string> mountPoints)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // A name may hold any character but NUL.
        File.WriteAllText(path, string.Join('\0', mountPoints));
    }

    /// <summary>The mount points in the order in which they are to be thawed; none when nothing is frozen.</summary>
    public IReadOnlyList<string> Read() => File.Exists(path) ? [.. File.ReadAllText(path).Split('\0').Reverse()] : [];

    /// <summary>Nothing is frozen any more.</summary>
    public void Clear() => File.Delete(path);
}
