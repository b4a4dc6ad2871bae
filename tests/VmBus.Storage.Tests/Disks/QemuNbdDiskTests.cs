using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>Images of other formats through qemu-nbd: data, discard, loss of the server, refusals.</summary>
[Collection(QemuTools.Name)]
public sealed class QemuNbdDiskTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly DiskBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [QemuToolsTheory]
    [InlineData(DiskFormat.Qcow2, "qcow2", "")]
    [InlineData(DiskFormat.Vhdx, "vhdx", "")]
    [InlineData(DiskFormat.Vhd, "vpc", "force_size=on")]
    [InlineData(DiskFormat.Vhd, "vpc", "subformat=fixed,force_size=on")]
    [InlineData(DiskFormat.Vmdk, "vmdk", "")]
    public void Written_bytes_are_in_the_image_as_qemu_reads_it(DiskFormat format, string qemuName, string creation)
    {
        string path = Create("disk.img", qemuName, creation);
        byte[] pattern = DiskBench.Pattern(7, 2 * MiB);
        _bench.Fill(0, pattern);
        using (OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = format }))
        {
            Assert.Equal(8 * MiB, disk.Disk.Geometry.Bytes);
            Assert.Equal(2 * MiB, disk.Write(0, 2 * MiB, MiB));
            Assert.Equal(512, disk.Write(0, 512, 512, durable: true));
            Assert.Equal(0, disk.Flush());
            Assert.Equal(2 * MiB, disk.Read(4 * MiB, 2 * MiB, MiB));
            Assert.Equal(pattern, _bench.Peek(4 * MiB, 2 * MiB));
        }

        string raw = _bench.PathOf("copy.raw");
        Tools.MustRun("qemu-img", "convert", "-f", qemuName, "-O", "raw", path, raw);
        byte[] content = File.ReadAllBytes(raw);
        Assert.Equal(pattern, content.AsSpan(MiB, 2 * MiB).ToArray());
        Assert.Equal(pattern[..512], content[512..1024]);
    }

    [QemuToolsTheory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Queue_may_be_closed_by_the_completion_of_its_last_operation(LaneEngineKind engine)
    {
        using var bench = new DiskBench(engine);
        using IDisk disk = DiskFactory.Open(
            new DiskOptions(Create("disk.qcow2", "qcow2", "")) { Format = DiskFormat.Qcow2 }, NullLogger.Instance);
        using IoVectorList list = bench.Vectors(0, 4096);
        using var closing = new ClosingCompletion();
        bench.Lane.Invoke(() =>
        {
            closing.Queue = disk.OpenQueue(bench.Lane);
            Assert.Equal(IDiskQueue.Pending, closing.Queue.Read(list, 0, closing, 1));
        });
        Assert.True(closing.Closed.Wait(DiskBench.Patience), "No completion came.");
        bench.Lane.Invoke(() => { });    // the lane goes on
    }

    [QemuToolsTheory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Memory_in_pieces_of_every_size_is_served(LaneEngineKind engine)
    {
        using var bench = new DiskBench(engine);
        string path = Create("disk.qcow2", "qcow2", "");
        using OpenedDisk disk = bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 });
        byte[] pattern = DiskBench.Pattern(8, 4 * MiB);
        bench.Fill(0, pattern);
        using var source = new IoVectorList(4, 1024);
        List<byte> expected = [];
        foreach ((int at, int bytes) in new[] { (1, 511), (1001, 4097), (10000, 300000), (400000, 508), (500001, MiB), (3 * MiB, 548) })
        {
            Assert.True(source.TryAdd(bench.Memory, new Gpa((ulong)at), bytes));
            expected.AddRange(pattern[at..(at + bytes)]);
        }

        Assert.Equal(0, expected.Count % 512);
        Assert.Equal(expected.Count, disk.Do((queue, _) => queue.Write(source, 512, false, disk, 1)));
        using var target = new IoVectorList(4, 1024);
        Assert.True(target.TryAdd(bench.Memory, new Gpa((4 * MiB) + 5), 1000) && target.TryAdd(bench.Memory, new Gpa(6 * MiB), expected.Count - 1000));
        Assert.Equal(expected.Count, disk.Do((queue, _) => queue.Read(target, 512, disk, 1)));
        Assert.Equal<byte>(expected, [.. bench.Peek((4 * MiB) + 5, 1000), .. bench.Peek(6 * MiB, expected.Count - 1000)]);
    }

    [QemuToolsFact]
    public void Many_requests_at_once_all_complete()
    {
        const int Count = 500;
        string path = Create("disk.qcow2", "qcow2", "");
        using OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 });
        List<IoVectorList> lists = Enumerable.Range(0, Count).Select(i => _bench.Vectors((ulong)i * 4096, 4096)).ToList();
        _bench.Lane.Invoke(() =>
        {
            for (int i = 0; i < Count; i++) Assert.Equal(IDiskQueue.Pending, disk.Queue.Write(lists[i], i * 4096, false, disk, i));
        });
        Assert.Equal(Enumerable.Range(0, Count), Enumerable.Range(0, Count).Select(_ => Checked(disk.Next(), 4096)).Order());
        lists.ForEach(list => list.Dispose());
    }

    [QemuToolsFact]
    public void Discard_gives_space_back_and_zeroes_read_as_zeroes()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        _bench.Fill(0, Enumerable.Repeat((byte)9, 4 * MiB).ToArray());
        using OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 });
        Assert.Equal(4 * MiB, disk.Write(0, 4 * MiB, 0));
        Assert.Equal(0, disk.Flush());
        long before = AllocatedBytes(path);
        Assert.Equal(0, disk.Discard(0, 2 * MiB));
        Assert.Equal(0, disk.WriteZeroes(3 * MiB, 4096, mayUnmap: false));
        Assert.Equal(0, disk.WriteZeroes((3 * MiB) + 65536, 65536, mayUnmap: true));
        Assert.Equal(0, disk.Flush());
        Assert.True(AllocatedBytes(path) <= before - MiB, "No space came back.");
        Assert.Equal(MiB, disk.Read(4 * MiB, MiB, 3 * MiB));
        byte[] content = _bench.Peek(4 * MiB, MiB);
        Assert.Equal(4096 + 65536, content.Count(value => value == 0));
        Assert.Equal(0, content[4095]);
        Assert.Equal(9, content[4096]);
    }

    [QemuToolsFact]
    public void Server_ends_with_the_process_that_started_it_however_that_ends()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        using Process worker = DiskWorker.Start(path, out int server);
        Assert.True(IsRunning(server));
        worker.Kill();
        worker.WaitForExit();
        long deadline = Environment.TickCount64 + 30_000;
        while (IsRunning(server))
        {
            Assert.True(Environment.TickCount64 < deadline, "qemu-nbd outlived the process that started it.");
            Thread.Yield();
        }

        // And so does its lock.
        using OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 });
        Assert.Equal(4096, disk.Write(0, 4096, 0));
    }

    [QemuToolsFact]
    public void Server_that_does_not_serve_yet_ends_with_the_process_that_started_it_and_leaves_no_files()
    {
        // It stands for one that takes long to open its image.
        string tools = Directory.CreateDirectory(_bench.PathOf("tools")).FullName;
        string files = Directory.CreateDirectory(_bench.PathOf("temporary")).FullName;
        string said = _bench.PathOf("server");
        File.WriteAllText(Path.Combine(tools, "qemu-nbd"), $"#!/bin/sh\necho $$ >{said}.new; mv {said}.new {said}\nexec sleep 1000\n");
        File.SetUnixFileMode(Path.Combine(tools, "qemu-nbd"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var variables = new Dictionary<string, string> { ["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}", ["TMPDIR"] = files };
        using Process worker = DiskWorker.Start(Create("disk.qcow2", "qcow2", ""), variables);
        Assert.True(SpinWait.SpinUntil(() => File.Exists(said), DiskBench.Patience), "The server did not start.");
        int server = int.Parse(File.ReadAllText(said), System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(IsRunning(server, "sleep", "qemu-nbd"));
        worker.Kill();
        worker.WaitForExit();
        bool ended = SpinWait.SpinUntil(() => !IsRunning(server, "sleep", "qemu-nbd"), DiskBench.Patience);
        if (!ended) Tools.MustRun("kill", "-KILL", server.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(ended, "The server outlived the process that started it.");
        Assert.DoesNotContain(Directory.GetFileSystemEntries(files), entry => Path.GetFileName(entry).StartsWith("vmbus", StringComparison.Ordinal));
    }

    [QemuToolsFact]
    public void Loss_of_the_server_answers_io_errors_and_is_reported_once()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        var log = new KeptLog();
        using var disk = new OpenedDisk(_bench, DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, log));
        int id = ((QemuNbdDisk)disk.Disk).ServerProcessId;
        using var server = Process.GetProcessById(id);
        using IoVectorList first = _bench.Vectors(0, 4096);
        using IoVectorList second = _bench.Vectors(4096, 4096);

        // Stopped, so that the requests are in flight when it dies.
        Tools.MustRun("kill", "-STOP", id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _bench.Lane.Invoke(() =>
        {
            Assert.Equal(IDiskQueue.Pending, disk.Queue.Write(first, 0, false, disk, 1));
            Assert.Equal(IDiskQueue.Pending, disk.Queue.Flush(disk, 2));
            Assert.Equal(IDiskQueue.Pending, disk.Queue.Read(second, 0, disk, 3));
        });
        server.Kill();
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(_ => Checked(disk.Next(), -Errno.EIO)).Order());
        Assert.Equal(-Errno.EIO, disk.Read(0, 4096, 0));
        Assert.Equal(-Errno.EIO, disk.Write(0, 4096, 0));
        Assert.Equal(-Errno.EIO, disk.Flush());
        using (var late = new OpenedDisk(_bench, new Borrowed(disk.Disk))) Assert.Equal(-Errno.EIO, late.Read(0, 4096, 0));
        server.WaitForExit();
        Assert.Single(log.Lines, line => line.Contains(path, StringComparison.Ordinal));
    }

    [QemuToolsFact]
    public void Child_inherits_nothing_and_is_gone_with_its_socket_after_dispose()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        int id;
        using (OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 }))
        {
            id = ((QemuNbdDisk)disk.Disk).ServerProcessId;
            IEnumerable<string?> links = Directory.GetFiles($"/proc/{id}/fd").Select(file => new FileInfo(file).LinkTarget);
            Assert.DoesNotContain(links, link => link?.Contains("vmbus-guest-ram", StringComparison.Ordinal) == true);
        }

        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [QemuToolsFact]
    public void Image_in_use_is_refused_by_name()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        using IDisk first = DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, NullLogger.Instance);
        Refused(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, DiskProblem.Locked, path);
    }

    [QemuToolsFact]
    public void Wrong_and_damaged_images_are_refused_with_the_reason()
    {
        string raw = _bench.MakeFile("disk.raw", MiB);
        Refused(new DiskOptions(raw) { Format = DiskFormat.Vhdx }, DiskProblem.Format, "is no vhdx image: it looks like raw");
        Refused(new DiskOptions(_bench.Folder) { Format = DiskFormat.Vhdx }, DiskProblem.NotADisk, "is a directory");
        Refused(new DiskOptions(_bench.PathOf("none")) { Format = DiskFormat.Vhdx }, DiskProblem.NotFound, "does not exist");
        string path = Create("disk.vhdx", "vhdx", "");
        using (FileStream file = File.OpenWrite(path)) file.SetLength(1000);
        Refused(new DiskOptions(path) { Format = DiskFormat.Vhdx }, DiskProblem.Format, "qemu-nbd says:");
    }

    [QemuToolsFact]
    public void Missing_program_is_named_with_its_package()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        string? before = Environment.GetEnvironmentVariable("PATH");
        try
        {
            Environment.SetEnvironmentVariable("PATH", _bench.Folder);
            Refused(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, DiskProblem.MissingTool, "install the package qemu-utils");
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", before);
        }
    }

    [QemuToolsFact]
    public void ReadOnly_image_refuses_changes()
    {
        string path = Create("disk.qcow2", "qcow2", "");
        using OpenedDisk disk = _bench.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2, ReadOnly = true });
        Assert.True(disk.Disk.Traits.ReadOnly);
        Assert.Equal(-Errno.EROFS, disk.Write(0, 4096, 0));
        Assert.Equal(4096, disk.Read(0, 4096, 0));
    }

    private static int Checked((int Tag, int Result) completion, int expected)
    {
        Assert.Equal(expected, completion.Result);
        return completion.Tag;
    }

    private static long AllocatedBytes(string path)
    {
        using LinuxFile file = LinuxFile.TryOpen(path, LinuxOpen.Read, out _)!;
        Assert.Equal(0, FileStatus.TryRead(file, out FileStatus status));
        return status.AllocatedBytes;
    }

    private static void Refused(DiskOptions options, DiskProblem problem, string words)
    {
        DiskException refusal = Assert.Throws<DiskException>(() => DiskFactory.Open(options, NullLogger.Instance).Dispose());
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(problem, refusal.Problem);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private string Create(string name, string qemuFormat, string creation)
    {
        string path = _bench.PathOf(name);
        Tools.MustRun("qemu-img", ["create", "-q", "-f", qemuFormat, .. creation.Length > 0 ? ["-o", creation] : Array.Empty<string>(), path, "8M"]);
        return path;
    }

    /// <summary>Closes its queue when it hears of the operation's end, as the removal of a logical unit does.</summary>
    private sealed class ClosingCompletion : IIoCompletion, IDisposable
    {
        internal IDiskQueue? Queue { get; set; }

        internal ManualResetEventSlim Closed { get; } = new();

        public void Complete(int tag, int result)
        {
            Queue!.Dispose();
            Closed.Set();
        }

        public void Dispose() => Closed.Dispose();
    }

    /// <summary>A disk whose disposal belongs to someone else.</summary>
    private sealed class Borrowed(IDisk disk) : IDisk
    {
        public string Name => disk.Name;

        public DiskGeometry Geometry => disk.Geometry;

        public DiskTraits Traits => disk.Traits;

        public IDiskQueue OpenQueue(Lane lane) => disk.OpenQueue(lane);

        public bool SizeMayChange => disk.SizeMayChange;

        public bool RefreshGeometry() => disk.RefreshGeometry();

        public void Grow(long bytes) => disk.Grow(bytes);

        public void Dispose()
        {
        }
    }

    // Nobody may have taken the status of an orphan yet: it has ended all the same.
    private static bool IsRunning(int processId) => IsRunning(processId, "qemu-nbd");

    private static bool IsRunning(int processId, params string[] names)
    {
        try
        {
            string status = File.ReadAllText(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            return names.Any(name => status.Contains($"({name}) ", StringComparison.Ordinal) && !status.Contains($"({name}) Z", StringComparison.Ordinal));
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException or IOException)
        {
            return false;
        }
    }

    internal sealed class KeptLog : ILogger
    {
        internal ConcurrentQueue<string> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));
    }
}
