using System.Diagnostics;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>The virtio drivers of an unmodified kernel (Debian's User-Mode Linux) on what <c>vmbus export</c> serves.</summary>
public sealed class UserModeLinuxTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-uml-").FullName;

    private string Disk => Path.Combine(_folder, "disk");

    private string Socket => Path.Combine(_folder, "socket");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Guest_makes_a_file_system_verifies_it_under_load_and_trims_it()
    {
        using (FileStream disk = File.Create(Disk)) disk.SetLength(256 << 20);
        using var export = new ExportProcess(Socket, "blk", "--disk", $"{Disk},id=system-disk");
        string output = RunGuest(
            $"{Socket}:2",
            """
            set -e
            cat /sys/block/vda/serial; echo; cat /sys/block/vda/size; cut -c35 /sys/bus/virtio/devices/virtio0/features
            mkfs.ext4 -q /dev/vda; mkdir /tmp/m; mount /dev/vda /tmp/m
            fio --name=x --directory=/tmp/m --size=32M --rw=randwrite --bs=4k --verify=crc32c --ioengine=libaio --iodepth=16 --direct=1 --output=/tmp/fio
            grep -o 'err= *[0-9]*' /tmp/fio
            fstrim -v /tmp/m; umount /tmp/m; fsck.ext4 -fn /dev/vda >/tmp/fsck 2>&1 && echo clean
            blkdiscard -f -z -o 1M -l 1M /dev/vda 2>/dev/null; dd if=/dev/vda bs=1M skip=1 count=1 2>/dev/null | tr -d '\0' | wc -c
            """);
        string[] lines = output.Split('\n');
        Assert.Equal("system-disk", lines[0]);
        Assert.Equal("524288", lines[1]);
        // The driver has taken packed rings, bit 34.
        Assert.Equal("1", lines[2]);
        Assert.Contains("err= 0", output, StringComparison.Ordinal);
        Assert.Contains("trimmed", output, StringComparison.Ordinal);
        Assert.Contains("\nclean\n0\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("I/O error", output, StringComparison.Ordinal);
        Assert.Equal((0, ""), export.Terminate());
    }

    [Fact]
    public void Second_guest_finds_what_the_first_has_written()
    {
        using (FileStream disk = File.Create(Disk)) disk.SetLength(16 << 20);
        using var export = new ExportProcess(Socket, "blk", "--disk", Disk);
        string first = RunGuest($"{Socket}:2", "dd if=/dev/urandom of=/dev/vda bs=1M count=8 conv=fsync 2>/dev/null; dd if=/dev/vda bs=1M count=8 2>/dev/null | sha256sum");
        string second = RunGuest($"{Socket}:2", "dd if=/dev/vda bs=1M count=8 2>/dev/null | sha256sum");
        Assert.Matches("^[0-9a-f]{64}", first);
        Assert.Equal(first[..64], second[..64]);
    }

    [Fact]
    public void Guest_uses_the_units_of_a_scsi_target()
    {
        using (FileStream disk = File.Create(Disk)) disk.SetLength(64 << 20);
        string second = Path.Combine(_folder, "second");
        using (FileStream disk = File.Create(second)) disk.SetLength(32 << 20);
        using var export = new ExportProcess(Socket, "scsi", "--disk", $"{Disk},id=first", "--disk", $"{second},id=second,readonly");
        string output = RunGuest(
            $"{Socket}:8",
            """
            set -e
            for i in $(seq 100); do [ -e /dev/sdb ] && break; sleep 0.1; done
            cat /proc/scsi/scsi; cat /sys/block/sda/size /sys/block/sdb/size /sys/block/sdb/ro; strings /sys/block/sda/device/vpd_pg80
            mkfs.ext4 -q /dev/sda; mkdir /tmp/m; mount /dev/sda /tmp/m
            fio --name=x --directory=/tmp/m --size=16M --rw=randwrite --bs=4k --verify=crc32c --ioengine=libaio --iodepth=16 --direct=1 --output=/tmp/fio
            grep -o 'err= *[0-9]*' /tmp/fio
            umount /tmp/m; fsck.ext4 -fn /dev/sda >/tmp/fsck 2>&1 && echo clean
            """);
        Assert.Contains("Lun: 01", output, StringComparison.Ordinal);
        Assert.Contains("\n131072\n65536\n1\n", output, StringComparison.Ordinal);
        Assert.Contains("first", output, StringComparison.Ordinal);
        Assert.Contains("err= 0", output, StringComparison.Ordinal);
        Assert.Contains("\nclean\n", output, StringComparison.Ordinal);
        Assert.Equal((0, ""), export.Terminate());
    }

    private static string RunGuest(string device, string script)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "tests", "testbed", "uml"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (string word in new[] { "--timeout", "200", "--device", device, "--", "bash", "-c", script }) start.ArgumentList.Add(word);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"status {process.ExitCode}: {output}{errors.Result}");
        return output;
    }
}
