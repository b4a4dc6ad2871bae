using System.Diagnostics;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Programs that outlive whoever has started them, and are known by a descriptor.</summary>
public sealed class LastingProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void Program_has_what_it_is_given_leads_a_session_and_is_not_tied_to_anybody()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (ours)
        {
            LastingProcess? process;
            using (theirs)
            {
                process = LastingProcess.TryStart(
                    new ChildProgram("sh", ["-c", "echo $LISTEN_FDS $(($LISTEN_PID - $$)) $(cut -d' ' -f6 /proc/$$/stat) $(setpriv --dump | grep -c 'Parent death signal: .none') >&3; exec sleep 1000"]) { Descriptors = [theirs] });
            }

            using (process)
            {
                _ = ours.EnableBlocking();
                using var said = new BounceBuffer(100);
                int count = LinuxFile.Read(ours, said.Vector(100), 1, -1, 0);
                Assert.Equal($"1 0 {process!.ProcessId} 1\n", System.Text.Encoding.ASCII.GetString(said.Data[..Math.Max(0, count)]));
                process.Kill();
                Assert.True(process.WaitForEnd(Patience));
            }
        }
    }

    [Fact]
    public void Several_descriptors_come_in_their_order_whatever_their_numbers_were()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (ours)
        {
            LinuxFile[] given = [theirs, .. Enumerable.Range(0, 5).Select(_ => theirs.Duplicate())];
            // The last has the lowest number.
            Array.Sort(given, static (a, b) => b.Descriptor - a.Descriptor);
            using LastingProcess process = LastingProcess.TryStart(
                new ChildProgram("sh", ["-c", "for i in 3 4 5 6 7 8; do eval \"echo $i >&$i\"; done; [ -e /proc/self/fd/9 ] && echo more >&3; echo $LISTEN_FDS >&3"]) { Descriptors = given })!;
            foreach (LinuxFile file in given) file.Dispose();
            Assert.True(process.WaitForEnd(Patience));
            byte[] said = new byte[100];
            int count = DescriptorIo.Read(ours.Descriptor, said);
            Assert.Equal("3\n4\n5\n6\n7\n8\n6\n", System.Text.Encoding.ASCII.GetString(said, 0, Math.Max(0, count)));
        }
    }

    [Fact]
    public void Program_of_root_keeps_the_capabilities_that_it_is_said_to_need()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (ours)
        {
            using LastingProcess process = LastingProcess.TryStart(
                new ChildProgram("sh", ["-c", "grep -E '^(CapBnd|CapEff|NoNewPrivs):' /proc/self/status | tr -s '\\t' ' ' >&3"]) { Descriptors = [theirs], Capabilities = ["dac_override"] })!;
            theirs.Dispose();
            Assert.True(process.WaitForEnd(Patience));
            byte[] said = new byte[200];
            int count = DescriptorIo.Read(ours.Descriptor, said);
            string words = System.Text.Encoding.ASCII.GetString(said, 0, Math.Max(0, count));
            // Without rights there are none to take away.
            if (FileOwner.CurrentUser == 0) Assert.Equal("CapEff: 0000000000000002\nCapBnd: 0000000000000002\nNoNewPrivs: 1\n", words);
            else Assert.Contains("CapEff: 0000000000000000\n", words, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void End_is_told_to_whoever_has_the_descriptor_and_nobody_else_is_waited_for()
    {
        using LastingProcess started = LastingProcess.TryStart(new ChildProgram("sleep", ["1000"]))!;
        using var taken = LastingProcess.Take(started.Handle.Duplicate());
        using var ended = new ManualResetEventSlim();
        taken.Ended += _ => ended.Set();
        Assert.Equal(started.ProcessId, taken.ProcessId);
        Assert.False(taken.HasEnded);
        Assert.False(taken.WaitForEnd(TimeSpan.FromMilliseconds(1)));
        taken.Kill();
        Assert.True(ended.Wait(Patience));
        Assert.True(started.HasEnded);
        Assert.Empty(taken.LastWords);
        // Its number is free: whoever was told of the end has waited for it.
        Assert.Throws<ArgumentException>(() => Process.GetProcessById(started.ProcessId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Number_of_one_that_has_ended_is_free_when_it_is_disposed(bool isWatched)
    {
        for (int i = 0; i < 20; i++)
        {
            int id;
            using (LastingProcess process = LastingProcess.TryStart(new ChildProgram("true", []))!)
            {
                id = process.ProcessId;
                if (isWatched) process.Ended += static _ => { };
                Assert.True(process.WaitForEnd(Patience));
            }

            Assert.Throws<ArgumentException>(() => Process.GetProcessById(id));
        }
    }

    [Fact]
    public void Process_goes_on_when_it_is_watched_no_longer()
    {
        using LastingProcess started = LastingProcess.TryStart(new ChildProgram("sleep", ["1000"]))!;
        using (var watched = LastingProcess.Take(started.Handle.Duplicate())) watched.Ended += static _ => { };
        Assert.False(started.HasEnded);
        started.Kill();
        Assert.True(started.WaitForEnd(Patience));
    }

    [Fact]
    public void Program_that_is_not_installed_is_not_started() => Assert.Null(LastingProcess.TryStart(new ChildProgram("vmbus-no-such-program", [])));
}
