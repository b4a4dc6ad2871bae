using System.Globalization;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Children get what they are given and nothing else, and their end and last words are known.</summary>
public sealed class ChildProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void Child_has_of_our_descriptors_the_given_one_only()
    {
        using EventFd given = EventFd.Create();
        using EventFd kept = EventFd.Create();
        using ChildProcess child = Run("cd /proc/$$/fd; readlink 0 3; readlink * | grep -c eventfd", given);
        Assert.Equal(["/dev/null", "anon_inode:[eventfd]", "1"], child.LastWords);
        // The caller's own stays open.
        given.Signal();
        Assert.Equal(1u, given.Drain());
    }

    [Fact]
    public void Child_is_told_of_the_descriptor_as_systemd_does_it()
    {
        using EventFd given = EventFd.Create();
        using ChildProcess child = Run("echo $LISTEN_FDS $(($LISTEN_PID - $$)); echo $MORE", given);
        Assert.Equal(["1 0", "yes"], child.LastWords);
    }

    [Fact]
    public void Child_has_no_signals_blocked_or_ignored_and_hears_of_its_parents_end()
    {
        // In place of the shell, which blocks signals while it makes another process. The lowest 28 signals: the highest ones are the C library's own.
        using ChildProcess child = Run("exec sed -nE 's/^(Sig(Blk|Ign):).*(.{7})$/\\1 \\3/p' /proc/self/status");
        Assert.Equal(["SigBlk: 0000000", "SigIgn: 0000000"], child.LastWords);
        using ChildProcess other = Run("exec setpriv --dump");
        Assert.Equal("Parent death signal: TERM", other.LastWords[^1]);
    }

    [Fact]
    public void Last_words_are_the_last_four_lines_of_interest()
    {
        using ChildProcess child = Run("for i in 1 2 3 4 5 6 noise; do echo $i; done >&2");
        Assert.Equal(["3", "4", "5", "6"], child.LastWords);
    }

    [Fact]
    public void Program_that_is_not_installed_is_not_started() => Assert.Null(ChildProcess.TryStart(new ChildProgram("vmbus-no-such-program", [])));

    [Fact]
    public void Killed_child_has_ended_and_says_so_once()
    {
        using ChildProcess child = ChildProcess.TryStart(new ChildProgram("sleep", ["1000"]))!;
        int ends = 0;
        using var ended = new ManualResetEventSlim();
        child.Ended += _ =>
        {
            ends++;
            ended.Set();
        };
        Assert.False(child.HasEnded);
        Assert.False(child.WaitForEnd(TimeSpan.Zero));
        child.Kill();
        Assert.True(ended.Wait(Patience));
        Assert.True(child.HasEnded);
        Assert.Equal(1, ends);
        // Its number may be another's by now: this does nothing.
        child.Kill();
        Assert.False(Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{child.ProcessId}")));
    }

    [Fact]
    public void Listener_is_found_by_its_owner_only_and_refuses_when_its_server_has_ended()
    {
        using UnixListener listener = UnixListener.Create();
        ChildProgram program = new("sleep", ["1000"]) { Descriptors = [listener.Socket] };
        using ChildProcess child = ChildProcess.TryStart(program)!;
        listener.Socket.Dispose();
        var place = new System.Net.Sockets.UnixDomainSocketEndPoint(listener.Path);
        using (var client = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, default))
        {
            client.Connect(place);
            // No path leads to it.
            Assert.EndsWith(" (deleted)", new FileInfo(listener.Path).LinkTarget, StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.GetDirectoryName(new FileInfo(listener.Path).LinkTarget)));
        }

        child.Kill();
        Assert.True(child.WaitForEnd(Patience));
        using var late = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, default);
        Assert.Equal(
            System.Net.Sockets.SocketError.ConnectionRefused,
            Assert.Throws<System.Net.Sockets.SocketException>(() => late.Connect(place)).SocketErrorCode);
    }

    [Fact]
    public void What_was_sent_has_been_read_only_while_the_reader_is_there()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using var byteBuffer = new BounceBuffer(1);
        using (ours)
        {
            using (theirs)
            {
                Assert.Equal(1, LinuxFile.Write(ours, byteBuffer.Vector(1), 1, -1, 0));
                Assert.False(UnixStream.HasBeenRead(ours));
                Assert.Equal(1, LinuxFile.Read(theirs, byteBuffer.Vector(1), 1, -1, 0));
                Assert.True(UnixStream.HasBeenRead(ours));
                Assert.Equal(1, LinuxFile.Write(ours, byteBuffer.Vector(1), 1, -1, 0));
            }

            // An end that went with something unread.
            Assert.False(UnixStream.HasBeenRead(ours));
        }
    }

    // Runs a script to its end.
    private static ChildProcess Run(string script, EventFd? given = null)
    {
        var program = new ChildProgram("sh", ["-c", script])
        {
            Descriptors = given is null ? [] : [given],
            Environment = new Dictionary<string, string> { ["MORE"] = "yes" },
            IsOfInterest = static line => line != "noise",
        };
        ChildProcess child = ChildProcess.TryStart(program)!;
        Assert.True(child.WaitForEnd(Patience));
        return child;
    }
}
