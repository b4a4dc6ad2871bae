using VmBus.Native.Linux;
using VmBus.Native.Sandbox;
using Xunit;

namespace VmBus.Native.Tests.Sandbox;

/// <summary>What a thread sees of the host's files that wants to see no data. Needs the right to mount; where there is none, that is what is shown.</summary>
public sealed class MountViewTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-view-").FullName;

    [Fact]
    public void Data_is_covered_programs_are_not_and_what_is_open_stays_open()
    {
        string kept = Path.Combine(_folder, "kept"), file = Path.Combine(_folder, "file");
        Directory.CreateDirectory(kept);
        File.WriteAllText(Path.Combine(kept, "program"), "p");
        File.WriteAllText(file, "data");
        using LinuxFile open = LinuxFile.TryOpen(file, LinuxOpen.Read, out _)!;
        List<string> seen = [];
        int errno = OnThread(() =>
        {
            int refusal = MountView.TryNarrow([kept, "/usr/lib"]);
            if (refusal != 0) return refusal;
            if (File.Exists(file)) seen.Add("data");
            if (File.Exists(Path.Combine(kept, "program"))) seen.Add("program");
            if (File.Exists("/bin/sh") && Directory.Exists("/usr/lib") && File.Exists("/etc/passwd") && File.Exists("/dev/null") && Directory.Exists("/sys/class")) seen.Add("system");
            seen.AddRange(Directory.GetFileSystemEntries("/var").Concat(Directory.GetFileSystemEntries("/home")));
            byte[] bytes = new byte[4];
            if (DescriptorIo.Read(open.Descriptor, bytes) == 4) seen.Add("open");
            if (Record.Exception(() => File.WriteAllText("/var/x", "")) is IOException or UnauthorizedAccessException) seen.Add("read-only");
            File.WriteAllText("/tmp/scratch", "");
            seen.Add(string.Join(' ', File.ReadLines("/proc/thread-self/mountinfo").Where(static line => line.Contains($" - tmpfs {MountView.Source} ", StringComparison.Ordinal)).Select(static line => line.Split(' ')[4]).Where(static path => path is "/var" or "/tmp").Order()));
            return 0;
        });
        Assert.Equal(MountView.IsPossible(), errno == 0);
        if (errno != 0) return;
        Assert.Equal(["program", "system", "open", "read-only", "/tmp /var"], seen);
        // The other threads see what they saw.
        Assert.True(File.Exists(file));
        Assert.False(File.Exists("/tmp/scratch"));
    }

    [Fact]
    public void Folder_that_is_to_be_kept_and_is_not_there_is_an_error_that_changes_nothing()
    {
        Assert.Equal(Errno.ENOENT, OnThread(() => MountView.TryNarrow([Path.Combine(_folder, "none")])));
        Assert.True(Directory.Exists(_folder));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // A view ends with the thread that has it.
    private static int OnThread(Func<int> body)
    {
        int result = -1;
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(() => { result = body(); })) { IsBackground = true };
        thread.Start();
        thread.Join();
        Assert.Null(failure);
        return result;
    }
}
