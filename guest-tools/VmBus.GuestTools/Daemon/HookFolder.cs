namespace VmBus.GuestTools.Daemon;

/// <summary>A folder with programs of this guest's administrator, which are run in the order of their names.</summary>
/// <param name="path">The folder; may be missing.</param>
/// <remarks>
/// As qemu-ga and run-parts do: executable files whose names have only letters, digits, dots, dashes and underscores, so that no
/// backup of an editor is run. A file that others than its owner may write is refused.
/// </remarks>
internal sealed class HookFolder(string path)
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode Writable = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>The programs in it.</summary>
    public IReadOnlyList<string> Programs => Directory.Exists(path)
        ? [.. Directory.EnumerateFiles(path).Where(IsHook).Order(StringComparer.Ordinal)]
        : [];

    private static bool IsHook(string file)
    {
        string name = Path.GetFileName(file);
        if (name[0] == '.' || name.EndsWith('~') || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')) return false;
        UnixFileMode mode = File.GetUnixFileMode(file);
        return (mode & Executable) != 0 && (mode & Writable) == 0;
    }
}
