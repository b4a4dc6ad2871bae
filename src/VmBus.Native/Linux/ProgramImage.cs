using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>What this process runs. Source: execv(3).</summary>
public static partial class ProgramImage
{
    /// <summary>Makes this process run another program, with the same number, parent, environment and standard files. Returns only when that fails.</summary>
    /// <param name="path">The program's file.</param>
    /// <param name="arguments">Its arguments, the first of which is its own name.</param>
    /// <returns>Errno.</returns>
    public static int Become(string path, IEnumerable<string> arguments)
    {
        _ = execv(path, [.. arguments, null]);
        return Marshal.GetLastPInvokeError();
    }

    /// <summary>Whether a program's file may be read and run by every user who has it open.</summary>
    public static bool IsForAll(string program)
    {
        const UnixFileMode needed = UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        return Look(() => (File.GetUnixFileMode(Resolve(program)) & needed) == needed);
    }

    /// <summary>Whether it may be found by every user as well.</summary>
    public static bool IsReachedByAll(string program) => IsForAll(program) && Look(() =>
    {
        for (DirectoryInfo? folder = Directory.GetParent(Resolve(program)); folder is not null; folder = folder.Parent)
        {
            if ((folder.UnixFileMode & UnixFileMode.OtherExecute) == 0) return false;
        }

        return true;
    });

    private static string Resolve(string program) => new FileInfo(program).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(program);

    private static bool Look(Func<bool> look)
    {
        try
        {
            return look();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execv(string path, string?[] arguments);
}
