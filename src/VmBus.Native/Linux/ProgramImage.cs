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

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int execv(string path, string?[] arguments);
}
