using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>Our locks and QEMU's see each other.</summary>
[Collection(QemuTools.Name)]
public sealed class ImageLockTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly DiskBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [QemuToolsFact]
    public void Qemu_refuses_to_write_or_trust_an_image_that_we_write()
    {
        string path = _bench.MakeFile("disk.raw", MiB);
        using (DiskFactory.Open(new DiskOptions(path), NullLogger.Instance))
        {
            (int status, string output) = Tools.Run("qemu-io", "-f", "raw", "-c", "write 0 512", path);
            Assert.NotEqual(0, status);
            Assert.Contains("lock", output, StringComparison.Ordinal);
            Assert.NotEqual(0, Tools.Run("qemu-img", "convert", "-f", "raw", "-O", "raw", path, _bench.PathOf("copy.raw")).Status);
        }

        Tools.MustRun("qemu-io", "-f", "raw", "-c", "write 0 512", path);
    }

    [QemuToolsFact]
    public void Qemu_reads_beside_our_reading_and_does_not_write()
    {
        string path = _bench.MakeFile("disk.raw", MiB);
        using IDisk disk = DiskFactory.Open(new DiskOptions(path) { ReadOnly = true }, NullLogger.Instance);
        Tools.MustRun("qemu-img", "convert", "-f", "raw", "-O", "raw", path, _bench.PathOf("copy.raw"));
        Assert.NotEqual(0, Tools.Run("qemu-io", "-f", "raw", "-c", "write 0 512", path).Status);
    }

    [QemuToolsFact]
    public void We_refuse_an_image_that_qemu_writes_and_name_it()
    {
        string path = _bench.MakeFile("disk.raw", MiB);
        using Process qemu = Tools.Start("qemu-io", "-f", "raw", path);
        // Its prompt says that the image is open.
        qemu.StandardInput.WriteLine("length");
        qemu.StandardInput.Flush();
        while (qemu.StandardOutput.ReadLine() is { } line && !line.Contains("1 MiB", StringComparison.Ordinal))
        {
        }

        foreach (bool readOnly in new[] { false, true })
        {
            DiskException refusal = Assert.Throws<DiskException>(
                () => DiskFactory.Open(new DiskOptions(path) { ReadOnly = readOnly }, NullLogger.Instance).Dispose());
            Assert.Equal(DiskProblem.Locked, refusal.Problem);
            Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
        }

        qemu.StandardInput.WriteLine("quit");
        qemu.StandardInput.Close();
        qemu.WaitForExit();
        DiskFactory.Open(new DiskOptions(path), NullLogger.Instance).Dispose();
    }
}
