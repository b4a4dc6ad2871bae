using System.Diagnostics;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Storage.Disks;
using VmBus.Virtio.Pci;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.Pci;
using VmBus.Virtio.Tests.Queues;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A disk whose back-end is Debian's qemu-storage-daemon.</summary>
public sealed class QemuStorageDaemonTests : IDisposable
{
    private const int DiskBytes = 16 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-virtio-").FullName;
    private Process _daemon;

    public QemuStorageDaemonTests()
    {
        using (FileStream file = File.Create(ImagePath)) file.SetLength(DiskBytes);
        _daemon = Serve();
    }

    private string ImagePath => Path.Combine(_folder, "disk");

    private string Socket => Path.Combine(_folder, "s");

    public void Dispose()
    {
        Kill();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Disk_is_read_written_flushed_zeroed_and_trimmed()
    {
        using var bench = new RemoteDiskBench(socket: Socket);
        Assert.Equal((DiskBytes, 512, false, true), (bench.Disk.Geometry.Bytes, bench.Disk.Geometry.LogicalSectorBytes, bench.Disk.Traits.ReadOnly, bench.Disk.Traits.WriteCache));
        // More pieces than the 126 segments that it takes.
        const int Pieces = 400;
        byte[] content = RemoteDiskBench.Pattern(4, Pieces * 512);
        using (IoVectorList source = bench.Pieces(0, Pieces, 512))
        {
            source.CopyFrom(content);
            Assert.Equal(content.Length, bench.Write(source, 1 << 20, durable: true));
        }

        Assert.Equal(content, Image(1 << 20, content.Length));
        using (IoVectorList target = bench.Pieces(2 << 20, Pieces, 512)) Assert.Equal(content.Length, bench.Read(target, 1 << 20));
        using IoVectorList read = bench.Pieces(2 << 20, Pieces, 512);
        byte[] copy = new byte[content.Length];
        read.CopyTo(copy);
        Assert.Equal(content, copy);

        Assert.Equal(0, bench.Do(queue => queue.WriteZeroes(1 << 20, 65536, mayUnmap: true, bench, 0)));
        Assert.Equal(0, bench.Do(queue => queue.Discard((1 << 20) + 65536, 65536, bench, 0)));
        Assert.Equal(0, bench.Do(queue => queue.Flush(bench, 0)));
        Assert.Equal([.. new byte[65536], .. new byte[65536], .. content.AsSpan(131072)], Image(1 << 20, content.Length));
    }

    [Fact]
    public void Disk_goes_on_when_its_daemon_was_killed_and_started_again()
    {
        using var bench = new RemoteDiskBench(socket: Socket, options: ",reconnect=1");
        using IoVectorList first = bench.Pieces(0, 1, 4096);
        first.CopyFrom(RemoteDiskBench.Pattern(5, 4096));
        Assert.Equal(4096, bench.Write(first, 0));
        Kill();
        _ = bench.Log.WaitForLine("waits until there is one again");
        using IoVectorList second = bench.Pieces(65536, 1, 4096);
        Assert.Equal(IDiskQueue.Pending, bench.Start(queue => queue.Read(second, 0, bench, 1)));
        _daemon = Serve();
        Assert.Equal((1, 4096), bench.Next());
        using IoVectorList read = bench.Pieces(65536, 1, 4096);
        byte[] copy = new byte[4096];
        read.CopyTo(copy);
        Assert.Equal(RemoteDiskBench.Pattern(5, 4096), copy);
    }

    [Fact]
    public void Device_of_a_partition_hands_the_guests_rings_to_the_daemon()
    {
        File.WriteAllBytes(ImagePath, RemoteDiskBench.Pattern(6, DiskBytes));
        using var log = new Export();
        using Lane lane = Lane.Start("daemon-test", log, new LaneOptions());
        using var driver = new SplitDriver(size: 16);
        using var device = new PciTransport(RemoteDevice.Open(DiskOptions.Parse($"vhost-user={Socket}"), driver.Memory, 1, log), driver.Memory, [lane], log);
        device.Start();
        RemoteDeviceTests.ReadFirstSector(device, driver);
        Assert.Equal(RemoteDiskBench.Pattern(6, DiskBytes)[..512], driver.Read(SplitDriver.Buffers + 512, 512));
        // What a guest that starts again does: the daemon gives the rings back, and goes on.
        device.Reset();
        Assert.False(_daemon.HasExited);
        Assert.Equal(0, log.Count("gone"));
    }

    private Process Serve()
    {
        File.Delete(Socket);
        Process daemon = Process.Start(
            "qemu-storage-daemon",
            [
                "--blockdev", $"driver=file,node-name=f,filename={ImagePath},discard=unmap", "--blockdev", "driver=raw,node-name=d,file=f,discard=unmap",
                "--export", $"type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path={Socket},writable=on,num-queues=2",
            ]);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(Socket) || daemon.HasExited, RemoteDiskBench.Patience) && !daemon.HasExited, "qemu-storage-daemon did not start.");
        return daemon;
    }

    private void Kill()
    {
        _daemon.Kill();
        _daemon.WaitForExit();
        _daemon.Dispose();
    }

    private byte[] Image(int at, int bytes)
    {
        using FileStream file = File.Open(ImagePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = at;
        byte[] content = new byte[bytes];
        file.ReadExactly(content);
        return content;
    }
}
