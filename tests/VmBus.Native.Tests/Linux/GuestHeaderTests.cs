using System.Globalization;
using System.Reflection;
using System.Text;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Holds our copies of what the guest tools ask the kernel for against the system's headers.</summary>
public sealed class GuestHeaderTests
{
    private static readonly Dictionary<string, string> TimexNames = new(StringComparer.Ordinal)
    {
        ["timex.seconds"] = "time.tv_sec",
        ["timex.fraction"] = "time.tv_usec",
    };

    [CompilerFact]
    public void Freezing_and_its_numbers_are_the_systems()
    {
        var source = new StringBuilder();
        Assert.True(CHeader.CheckConstants(source, typeof(MountPoint), "FI", "AT_") >= 3);
        CHeader.Check(source, "O_CLOEXEC | O_NONBLOCK", Number(typeof(MountPoint), "O_FLAGS"));
        CHeader.Check(source, "sizeof(struct statx)", Number(typeof(MountPoint), "StatxBytes"));
        CHeader.Check(source, "offsetof(struct statx, stx_dev_major)", Number(typeof(MountPoint), "StatxDeviceOffset"));
        Assert.True(CHeader.CheckConstants(source, typeof(ProcessMemory), "MCL_") == 3);
        CHeader.Compile("#define _GNU_SOURCE\n#include <stddef.h>\n#include <fcntl.h>\n#include <sys/stat.h>\n#include <sys/mman.h>\n#include <linux/fs.h>\n", source.ToString());
    }

    [CompilerFact]
    public void Folders_and_their_numbers_are_the_systems()
    {
        var source = new StringBuilder();
        CHeader.CheckStructure(source, Nested(typeof(FolderPlace), "OpenHow"), "open_how", TimexNames);
        Assert.True(CHeader.CheckConstants(source, typeof(FolderPlace), "O_", "AT_", "RESOLVE_", "RENAME_", "SYS_") >= 12);
        foreach (string name in new[] { "O_DIRECTORY", "O_NOFOLLOW" }) CHeader.Check(source, name, Number(typeof(FolderPlace), name));
        CHeader.Check(source, "O_TMPFILE", Number(typeof(FolderPlace), "TemporaryFileBit") | Number(typeof(FolderPlace), "O_DIRECTORY"));
        // Where the large-file bit is 0 for programs of the C library.
        CHeader.Compile(
            "#define _GNU_SOURCE\n#include <stddef.h>\n#include <stdio.h>\n#include <fcntl.h>\n#include <sys/syscall.h>\n#include <linux/openat2.h>\n", source.ToString());
        var kernel = new StringBuilder();
        CHeader.Check(kernel, "O_LARGEFILE", Number(typeof(FolderPlace), "LargeFileBit"));
        CHeader.Compile("#include <asm/fcntl.h>\n", kernel.ToString());
    }

    [CompilerFact]
    public void Clock_and_its_numbers_are_the_systems()
    {
        var source = new StringBuilder();
        CHeader.CheckStructure(source, Nested(typeof(SystemClock), "Timex"), "timex", TimexNames);
        Assert.True(CHeader.CheckConstants(source, typeof(SystemClock), "ADJ_", "STA_", "PTP_") >= 9);
        CHeader.Check(source, "sizeof(struct ptp_sys_offset)", Number(typeof(SystemClock), "OffsetWords") * sizeof(long));
        CHeader.Check(source, "offsetof(struct ptp_sys_offset, ts)", 16);
        CHeader.Check(source, "sizeof(struct ptp_clock_time)", 16);
        CHeader.Compile("#define _GNU_SOURCE\n#include <stddef.h>\n#include <sys/timex.h>\n#include <linux/ptp_clock.h>\n", source.ToString());
    }

    private static long Number(Type holder, string name)
        => Convert.ToInt64(holder.GetField(name, BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)!.GetValue(null), CultureInfo.InvariantCulture);

    private static Type Nested(Type holder, string name) => holder.GetNestedType(name, BindingFlags.NonPublic)!;
}
