using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>A host file system without space: a negative errno for the guest, and everything goes on.</summary>
[Collection(QemuTools.Name)]
public sealed class FullHostDiskTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly string _mount = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"vmbus-full-{Guid.NewGuid():N}")).FullName;

    public void Dispose()
    {
        Tools.Run("umount", _mount);
        Directory.Delete(_mount);
    }

    [PrivilegedTheory]
    [InlineData(LaneEngineKind.IoUring, false)]
    [InlineData(LaneEngineKind.IoUring, true)]
    [InlineData(LaneEngineKind.Epoll, false)]
    [InlineData(LaneEngineKind.Epoll, true)]
    public void Write_without_space_answers_ENOSPC_and_the_disk_goes_on(LaneEngineKind engine, bool durable)
    {
        Tools.MustRun("mount", "-t", "tmpfs", "-o", "size=2m", "none", _mount);
        using var bench = new DiskBench(engine, parent: _mount);
        string path = bench.MakeFile("disk.raw", 16 * MiB);
        using OpenedDisk disk = bench.Open(new DiskOptions(path));
        int refused = 0;
        for (int i = 0; i < 16 && refused == 0; i++)
        {
            int result = disk.Write(0, 256 * 1024, i * MiB, durable);
            if (result < 0) refused = result;
        }

        Assert.Equal(-Errno.ENOSPC, refused);
        Assert.Equal(4096, disk.Read(0, 4096, 0));
        Assert.Equal(0, disk.Discard(0, 16 * MiB));
        Assert.Equal(256 * 1024, disk.Write(0, 256 * 1024, 8 * MiB, durable));
    }
}

/// <summary>A test that mounts a file system; skipped with the reason without the right to.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PrivilegedTheoryAttribute : TheoryAttribute
{
    public PrivilegedTheoryAttribute() => Skip = Environment.IsPrivilegedProcess ? null : "mounting a small tmpfs needs root";
}
