using System.Globalization;
using System.Text;

namespace VmBus.GuestTools.Backup;

/// <summary>Chooses the file systems of a backup from the mount table. Source: proc_pid_mountinfo(5).</summary>
internal static class MountTable
{
    /// <summary>The mount table of this process.</summary>
    public const string Path = "/proc/self/mountinfo";

    // Those whose drivers bring the disk to a state that mounts clean. Others are written out and not held.
    private static readonly HashSet<string> Freezable = new(StringComparer.Ordinal)
    {
        "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs", "nilfs2", "gfs2", "bcachefs",
    };

    /// <summary>
    /// The file systems to freeze, in that order: writable ones on block devices, each once; those in files of others first, then the later mounted before the
    /// earlier, the root last. So none waits for one that is frozen already.
    /// </summary>
    /// <param name="lines">Lines of the mount table.</param>
    public static IReadOnlyList<MountedFileSystem> ToFreeze(IEnumerable<string> lines)
        => [.. Writable(lines).Where(static system => Freezable.Contains(system.Kind)).Reverse()
            .OrderBy(static system => system.MountPoint == "/" ? 2 : system.IsLoop ? 0 : 1)];

    /// <summary>The writable file systems on block devices that cannot be frozen, such as vfat.</summary>
    /// <param name="lines">Lines of the mount table.</param>
    public static IReadOnlyList<MountedFileSystem> ToWriteOut(IEnumerable<string> lines)
        => [.. Writable(lines).Where(static system => !Freezable.Contains(system.Kind))];

    private static IEnumerable<MountedFileSystem> Writable(IEnumerable<string> lines) => lines
        .Select(Parse).OfType<MountedFileSystem>()
        .GroupBy(static system => system.Device)
        // One that is mounted twice is the root when either is.
        .Select(static same => same.FirstOrDefault(static system => system.MountPoint == "/") ?? same.First());

    // id parent major:minor root mount-point options [optional…] - kind source super-options
    private static MountedFileSystem? Parse(string line)
    {
        string[] words = line.Split(' ');
        int dash = Array.IndexOf(words, "-");
        if (dash < 6 || words.Length < dash + 4) return null;
        string[] device = words[2].Split(':');
        if (device.Length != 2 || !TryNumber(device[0], out uint major) || !TryNumber(device[1], out uint minor)) return null;
        (string kind, string source, string options) = (words[dash + 1], Unescape(words[dash + 2]), words[dash + 3]);
        // A read-only mount (in the options at 5) may be one of several; whether any is writable is the file system's own option.
        if (!source.StartsWith("/dev/", StringComparison.Ordinal) || !options.Split(',').Contains("rw", StringComparer.Ordinal)) return null;
        return new MountedFileSystem((major, minor), Unescape(words[4]), kind, source);
    }

    private static bool TryNumber(string text, out uint value) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    // The kernel writes blanks, tabs, line feeds and backslashes as \ and three octal digits of a byte.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal)) return text;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int length = 0;
        for (int i = 0; i < bytes.Length; length++)
        {
            bool isEscape = bytes[i] == '\\' && i + 3 < bytes.Length && bytes.AsSpan(i + 1, 3).IndexOfAnyExceptInRange((byte)'0', (byte)'7') < 0;
            bytes[length] = isEscape ? (byte)(((bytes[i + 1] - '0') << 6) | ((bytes[i + 2] - '0') << 3) | (bytes[i + 3] - '0')) : bytes[i];
            i += isEscape ? 4 : 1;
        }

        return Encoding.UTF8.GetString(bytes.AsSpan(0, length));
    }
}
