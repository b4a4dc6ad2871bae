using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>The memory of this process. Source: mlockall(2).</summary>
public static partial class ProcessMemory
{
    private const int MCL_CURRENT = 1;
    private const int MCL_FUTURE = 2;
    private const int MCL_ONFAULT = 4;

    /// <summary>
    /// Keeps in memory every page that the process has and those that it will touch. Pages that it has reserved and never touches cost nothing, which matters
    /// for the garbage collector's ranges and the stacks.
    /// </summary>
    /// <returns>0, or negative errno: EPERM or ENOMEM without the privilege.</returns>
    public static int KeepResident() => mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mlockall(int flags);
}
