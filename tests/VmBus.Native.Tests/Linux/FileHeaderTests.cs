using System.Reflection;
using System.Text;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Holds our copies of the structures and numbers of io_uring, statx and file locks against the system's headers.</summary>
public sealed class FileHeaderTests
{
    private const string Headers = "#define _GNU_SOURCE\n#include <stddef.h>\n#include <fcntl.h>\n#include <sys/stat.h>\n#include <linux/io_uring.h>\n";

    // Our names for what the headers keep in a union, or keep for themselves.
    private static readonly Dictionary<string, string> HeaderNames = new(StringComparer.Ordinal)
    {
        ["io_uring_sqe.op_flags"] = "rw_flags",
        ["io_uring_sqe.pad2"] = "__pad2",
        ["io_uring_params.resv0"] = "resv[0]",
        ["io_uring_params.resv1"] = "resv[1]",
        ["io_uring_params.resv2"] = "resv[2]",
        // Called user_addr in newer headers.
        ["io_sqring_offsets.user_addr"] = "reserved",
        ["io_cqring_offsets.user_addr"] = "reserved",
        ["io_uring_restriction.resv20"] = "resv2[0]",
        ["io_uring_restriction.resv21"] = "resv2[1]",
        ["io_uring_restriction.resv22"] = "resv2[2]",
        ["statx.times"] = "stx_atime",
        ["statx.spare0"] = "reserved",
    };

    [CompilerFact]
    public void Ring_structures_and_numbers_are_the_kernels()
    {
        var source = new StringBuilder();
        Type ring = typeof(IoUring.IoUring);
        foreach (string name in new[] { "io_uring_sqe", "io_uring_cqe", "io_sqring_offsets", "io_cqring_offsets", "io_uring_params", "io_uring_restriction" })
            CHeader.CheckStructure(source, Nested(ring, name), name, HeaderNames);
        Assert.True(CHeader.CheckConstants(source, ring, "IORING_") > 12);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void File_status_and_its_numbers_are_the_systems()
    {
        var source = new StringBuilder();
        CHeader.CheckStructure(source, Nested(typeof(FileStatus), "StatxBuffer"), "statx", HeaderNames);
        Assert.True(CHeader.CheckConstants(source, typeof(FileStatus), "AT_", "STATX_", "S_") >= 7);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void File_lock_and_its_numbers_are_the_systems()
    {
        var source = new StringBuilder();
        CHeader.CheckStructure(source, Nested(typeof(FileLock), "FlockRange"), "flock", HeaderNames);
        Assert.True(CHeader.CheckConstants(source, typeof(FileLock), "F_") >= 5);
        CHeader.Compile(Headers, source.ToString());
    }

    private static Type Nested(Type holder, string name) => holder.GetNestedType(name, BindingFlags.NonPublic)!;
}
