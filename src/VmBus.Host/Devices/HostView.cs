using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;

namespace VmBus.Host.Devices;

/// <summary>What a process that is given everything sees of the host's files: programs, but no data.</summary>
public static class HostView
{
    /// <summary>Takes the rest from the calling thread, and from the program that it becomes next. What it has open stays open; where the host refuses, it sees all.</summary>
    /// <param name="partition">The partition's name.</param>
    /// <param name="logger">For a host that refuses.</param>
    public static void Narrow(string partition, ILogger logger)
    {
        int errno = MountView.TryNarrow(ProgramFolders());
        if (errno != 0) HostLog.SeesHostFiles(logger, partition, LinuxException.DescribeError(errno));
    }

    // What this program is made of, where that is more than one file: its own folder, and that of the runtime, DOTNET/shared/NAME/VERSION.
    private static string[] ProgramFolders()
    {
        string own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return AppContext.GetData("FX_DEPS_FILE") is string { Length: > 0 } runtime ? [own, Path.GetFullPath(Path.Combine(runtime, "../../../.."))] : [own];
    }
}
