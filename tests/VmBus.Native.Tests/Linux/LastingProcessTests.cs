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
                    new ChildProgram("sh", ["-c", "echo $LISTEN_FDS $(($LISTEN_PID - $$)) $(cut -d' ' -f6 /proc/$$/stat) $(setpriv --dump | grep -c 'Parent death signal: .none') >&3; exec sleep 1000"]) { Descriptor = theirs });
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
