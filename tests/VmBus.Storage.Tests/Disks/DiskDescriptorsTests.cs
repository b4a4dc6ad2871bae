using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>Disks that one opens and another uses.</summary>
[Collection(QemuTools.Name)]
public sealed class DiskDescriptorsTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly DiskBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Raw_disk_is_used_when_its_path_is_gone_and_stays_locked()
    {
        string path = _bench.MakeFile("disk.img", MiB);
        var options = new DiskOptions(path);
        DiskDescriptors open = DiskFactory.OpenDescriptors(options, NullLogger.Instance);
        Assert.Equal(options with { Format = DiskFormat.Raw }, open.Options);
        Assert.Equal(DiskProblem.Locked, Assert.Throws<DiskException>(() => DiskFactory.Open(options, NullLogger.Instance)).Problem);
        string moved = _bench.PathOf("moved");
        File.Move(path, moved);
        byte[] pattern = DiskBench.Pattern(3, 4096);
        _bench.Fill(0, pattern);
        using (var disk = new OpenedDisk(_bench, DiskFactory.Use(open, NullLogger.Instance)))
        {
            Assert.Equal(MiB, disk.Disk.Geometry.Bytes);
            Assert.Equal(4096, disk.Write(0, 4096, 8192));
            Assert.Equal(0, disk.Flush());
            disk.Disk.Grow(2 * MiB);
        }

        Assert.Equal(pattern, File.ReadAllBytes(moved).AsSpan(8192, 4096).ToArray());
        Assert.Equal(2 * MiB, new FileInfo(moved).Length);
        DiskFactory.Open(new DiskOptions(moved), NullLogger.Instance).Dispose();
    }

    [Fact]
    public void Disk_that_nobody_uses_is_closed_and_its_lock_goes()
    {
        string path = _bench.MakeFile("disk.img", MiB);
        DiskFactory.OpenDescriptors(new DiskOptions(path), NullLogger.Instance).Dispose();
        DiskFactory.Open(new DiskOptions(path), NullLogger.Instance).Dispose();
    }

    [Fact]
    public void What_cannot_be_opened_says_why_as_it_does_for_whoever_uses_it()
        => Assert.Equal(DiskProblem.NotFound, Assert.Throws<DiskException>(() => DiskFactory.OpenDescriptors(new DiskOptions(_bench.PathOf("none")), NullLogger.Instance)).Problem);

    [Fact]
    public void Other_descriptors_than_a_disks_are_refused_and_closed()
    {
        DiskDescriptors open = DiskFactory.OpenDescriptors(new DiskOptions(_bench.MakeFile("disk.img", MiB)), NullLogger.Instance);
        Assert.Contains("instead of 3", Assert.Throws<DiskException>(() => DiskFactory.Use(new DiskDescriptors(open.Options with { Format = DiskFormat.Qcow2 }, open.Files), NullLogger.Instance)).Message, StringComparison.Ordinal);
        Assert.True(open.Files[0].IsClosed);
    }

    [QemuToolsFact]
    public void Image_is_served_by_a_program_of_whoever_opened_it_which_ends_when_it_is_used_no_longer()
    {
        string path = Create("disk.qcow2");
        byte[] pattern = DiskBench.Pattern(5, MiB);
        _bench.Fill(0, pattern);
        Process server;
        using (var disk = new OpenedDisk(_bench, DiskFactory.Use(DiskFactory.OpenDescriptors(new DiskOptions(path), NullLogger.Instance), NullLogger.Instance)))
        {
            server = Process.GetProcessById(((QemuNbdDisk)disk.Disk).ServerProcessId);
            Assert.Equal(8 * MiB, disk.Disk.Geometry.Bytes);
            Assert.Equal(MiB, disk.Write(0, MiB, 2 * MiB));
            Assert.Equal(0, disk.Flush());
            Assert.Equal(MiB, disk.Read(4 * MiB, MiB, 2 * MiB));
            Assert.Equal(pattern, _bench.Peek(4 * MiB, MiB));
        }

        using (server) Assert.True(server.WaitForExit(DiskBench.Patience), "The server outlived its use.");
        using IDisk again = DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, NullLogger.Instance);
    }

    [QemuToolsFact]
    public void Server_of_an_image_that_nobody_uses_ends_by_itself()
    {
        string path = Create("disk.qcow2");
        DiskDescriptors open = DiskFactory.OpenDescriptors(new DiskOptions(path), NullLogger.Instance);
        using var server = VmBus.Native.Linux.LastingProcess.Take(open.Files[2].Duplicate());
        Assert.False(server.HasEnded);
        open.Dispose();
        Assert.True(server.WaitForEnd(DiskBench.Patience), "The server stays without clients.");
    }

    [QemuToolsFact]
    public void Loss_of_the_server_is_reported_at_once()
    {
        string path = Create("disk.qcow2");
        var log = new QemuNbdDiskTests.KeptLog();
        using IDisk disk = DiskFactory.Use(DiskFactory.OpenDescriptors(new DiskOptions(path), NullLogger.Instance), log);
        using (var server = Process.GetProcessById(((QemuNbdDisk)disk).ServerProcessId)) server.Kill();
        Assert.True(SpinWait.SpinUntil(() => log.Lines.Any(line => line.Contains(path, StringComparison.Ordinal)), DiskBench.Patience));
    }

    private string Create(string name)
    {
        string path = _bench.PathOf(name);
        Tools.MustRun("qemu-img", "create", "-q", "-f", "qcow2", path, "8M");
        return path;
    }
}
