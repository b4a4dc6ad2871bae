using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>What opening a disk refuses, and the words it uses.</summary>
public sealed class DiskFactoryTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly DiskBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Missing_file_is_named() => Refused(new DiskOptions(_bench.PathOf("none.raw")), DiskProblem.NotFound, "none.raw' does not exist");

    [Fact]
    public void Directory_is_refused() => Refused(new DiskOptions(_bench.Folder), DiskProblem.NotADisk, "is a directory");

    [Fact]
    public void Character_device_is_refused() => Refused(new DiskOptions("/dev/null"), DiskProblem.NotADisk, "neither a regular file nor a block device");

    [Theory]
    [InlineData(1000, 512, "1000 bytes", "truncate -s 1024")]
    [InlineData(MiB + 512, 4096, "1049088 bytes", "truncate -s 1052672")]
    [InlineData(0, 512, "0 bytes", "truncate -s 512")]
    public void Odd_size_is_refused_with_the_size_and_the_cure(long bytes, int sector, string size, string cure)
    {
        string path = _bench.MakeFile("odd.raw", bytes);
        DiskException refusal = Refused(new DiskOptions(path) { SectorBytes = sector }, DiskProblem.BadSize, size);
        Assert.Contains(cure, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Second_writer_is_refused_and_readers_beside_each_other_are_not()
    {
        string path = _bench.MakeFile("disk.raw", MiB);
        using (IDisk writer = DiskFactory.Open(new DiskOptions(path), NullLogger.Instance))
        {
            Refused(new DiskOptions(path), DiskProblem.Locked, "in use by another process");
            Refused(new DiskOptions(path) { ReadOnly = true }, DiskProblem.Locked, "in use by another process");
        }

        using IDisk first = DiskFactory.Open(new DiskOptions(path) { ReadOnly = true }, NullLogger.Instance);
        using IDisk second = DiskFactory.Open(new DiskOptions(path) { ReadOnly = true }, NullLogger.Instance);
        Refused(new DiskOptions(path), DiskProblem.Locked, "in use by another process");
    }

    [Theory]
    [InlineData(DiskFormat.Qcow2, 0, "514649fb")]
    [InlineData(DiskFormat.Vhdx, 0, "7668647866696c65")]
    [InlineData(DiskFormat.Vmdk, 0, "4b444d56")]
    [InlineData(DiskFormat.Vhd, 0, "636f6e6563746978")]
    [InlineData(DiskFormat.Vhd, MiB - 512, "636f6e6563746978")]
    public void Format_that_was_only_guessed_is_refused_and_named_raw_is_taken(DiskFormat format, long at, string magic)
    {
        string path = _bench.MakeFile("disk.img", MiB);
        using (FileStream file = File.OpenWrite(path))
        {
            file.Position = at;
            file.Write(Convert.FromHexString(magic));
        }

        string name = DiskFactory.NameOf(format);
        Refused(new DiskOptions(path), DiskProblem.Format, $"looks like {name}; say format={name}");
        using IDisk raw = DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Raw }, NullLogger.Instance);
        Assert.Equal(MiB, raw.Geometry.Bytes);
    }

    [Theory]
    [InlineData("disk.VHDX", "7668647866696c65", DiskFormat.Vhdx)]
    [InlineData("disk.qcow2", "514649fb", DiskFormat.Qcow2)]
    [InlineData("disk.qcow2", "00000000", DiskFormat.Raw)]
    public void Name_that_agrees_with_the_content_tells_the_format(string name, string magic, DiskFormat expected)
    {
        string path = _bench.MakeFile(name, MiB);
        using (FileStream file = File.OpenWrite(path)) file.Write(Convert.FromHexString(magic));
        Assert.Equal(expected, DiskFactory.Resolve(new DiskOptions(path)).Format);
    }

    [Theory]
    [InlineData("disk.iso", DiskFormat.Iso)]
    [InlineData("disk.img", DiskFormat.Raw)]
    public void Hybrid_image_is_a_dvd_only_by_its_name(string name, DiskFormat expected)
    {
        string path = _bench.MakeFile(name, MiB);
        using (FileStream file = File.OpenWrite(path))
        {
            file.Position = 0x8001;
            file.Write("CD001"u8);
        }

        Assert.Equal(expected, DiskFactory.Resolve(new DiskOptions(path)).Format);
    }

    [Fact]
    public void File_without_permission_is_refused_with_the_cure()
    {
        string path = _bench.MakeFile("disk.raw", MiB);
        File.SetUnixFileMode(path, UnixFileMode.None);
        // Root may open everything; then there is nothing to see here.
        if (Environment.IsPrivilegedProcess)
        {
            Assert.Contains("add ,readonly", DiskErrors.Opening(path, Native.Linux.Errno.EACCES, readOnly: false).Message, StringComparison.Ordinal);
            return;
        }

        Refused(new DiskOptions(path) { Format = DiskFormat.Raw }, DiskProblem.NoPermission, "add ,readonly");
    }

    private static DiskException Refused(DiskOptions options, DiskProblem problem, string words)
    {
        DiskException refusal = Assert.Throws<DiskException>(() => DiskFactory.Open(options, NullLogger.Instance).Dispose());
        Assert.Equal(problem, refusal.Problem);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal;
    }
}
