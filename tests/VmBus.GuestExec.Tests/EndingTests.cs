using System.Diagnostics;
using System.Globalization;
using VmBus.Protocol.Exec;
using Xunit;

namespace VmBus.GuestExec.Tests;

/// <summary>What cannot be run is said, and what nobody waits for is ended.</summary>
public sealed class EndingTests
{
    [Theory]
    [InlineData("no-such-program", ExecErrorCode.NotFound)]
    [InlineData("/no/such/program", ExecErrorCode.NotFound)]
    [InlineData("/etc", ExecErrorCode.NotExecutable)]
    [InlineData("/etc/passwd", ExecErrorCode.NotExecutable)]
    public void Program_that_cannot_be_run_is_named(string program, ExecErrorCode code)
    {
        using var host = new HostEnd();
        host.Request(new ExecRequest { Arguments = [program] });
        string how = host.Finish().How;
        Assert.StartsWith($"{code}: ", how, StringComparison.Ordinal);
        Assert.Contains($"'{program}'", how, StringComparison.Ordinal);
    }

    [Fact]
    public void User_and_folder_that_are_not_there_are_named()
    {
        using (var host = new HostEnd())
        {
            host.Request(new ExecRequest { Arguments = ["true"], User = "nobody-like-this" });
            Assert.Equal("NoUser: there is no user 'nobody-like-this'", host.Finish().How);
        }

        using (var host = new HostEnd())
        {
            host.Request(new ExecRequest { Arguments = ["true"], Folder = "/no/such" });
            Assert.Equal("NoFolder: there is no folder '/no/such'", host.Finish().How);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Command_and_its_children_end_with_the_connection_and_with_the_service(bool stopped)
    {
        using var host = new HostEnd(new ExecServerOptions { HangUpLimit = TimeSpan.FromMilliseconds(100) });
        int id = host.Start(HostEnd.Shell("trap '' HUP; (trap '' HUP; echo $(exec sh -c 'echo $PPID'); exec sleep 1000) & sleep 1000"));
        int child = int.Parse(host.ReceiveUntil("\n").Trim(), CultureInfo.InvariantCulture);
        if (stopped) host.Stop();
        else host.Disconnect();
        host.WaitForServer();
        // The service has waited for its own child; the other one was killed before that and is init's.
        Assert.False(Directory.Exists($"/proc/{id}"));
        WaitForEnd(child);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 1, 0, 1, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 1, 1, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 1, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 0, 0, 0 })]
    public void Connection_that_begins_with_no_request_is_refused(byte[] bytes)
    {
        using var host = new HostEnd();
        host.SendRaw(bytes);
        Assert.StartsWith("BadFrame: ", host.Finish().How, StringComparison.Ordinal);
    }

    [Fact]
    public void Request_of_another_version_is_told_which_is_spoken()
    {
        using var host = new HostEnd();
        host.Send(GuestBoundFrame.Request, [2, 0]);
        Assert.Equal("Version: the request is of version 2, and this guest speaks 1", host.Finish().How);
    }

    [Fact]
    public void Silent_connection_is_refused_in_time()
    {
        using var host = new HostEnd(new ExecServerOptions { RequestLimit = TimeSpan.FromMilliseconds(50) });
        Assert.StartsWith("BadFrame: no request came", host.Finish().How, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(99, 0)]
    [InlineData((byte)GuestBoundFrame.Request, 12)]
    [InlineData((byte)GuestBoundFrame.Signal, 4)]
    [InlineData((byte)GuestBoundFrame.WindowSize, 3)]
    [InlineData((byte)GuestBoundFrame.InputEnd, 1)]
    [InlineData((byte)HostBoundFrame.Output, 1)]
    public void Frame_that_makes_no_sense_ends_the_command(byte type, int bytes)
    {
        using var host = new HostEnd();
        int id = host.Start(HostEnd.Shell("sleep 1000", ExecRequestFlags.Input));
        host.Send((GuestBoundFrame)type, new byte[bytes]);
        Assert.StartsWith("BadFrame: ", host.Finish().How, StringComparison.Ordinal);
        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [Fact]
    public void Input_beyond_the_window_or_without_being_asked_for_ends_the_command()
    {
        using (var host = new HostEnd())
        {
            host.Start(HostEnd.Shell("sleep 1000", ExecRequestFlags.Input));
            // A pipe takes the first 64 KiB.
            for (int i = 0; i < 6; i++) host.Send(GuestBoundFrame.Input, new byte[65536]);
            Assert.StartsWith("BadFrame: ", host.Finish().How, StringComparison.Ordinal);
        }

        using (var host = new HostEnd())
        {
            host.Start(HostEnd.Shell("sleep 1000"));
            host.Send(GuestBoundFrame.Input, [1]);
            Assert.StartsWith("BadFrame: ", host.Finish().How, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Log_names_the_program_and_not_its_arguments()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("exit 3 # secret"));
        host.Finish();
        host.Disconnect();
        host.WaitForServer();
        Assert.Contains("exec: 'sh' runs for the host as ", host.Log[0], StringComparison.Ordinal);
        Assert.EndsWith("has ended with status 3", host.Log[1], StringComparison.Ordinal);
        Assert.DoesNotContain(host.Log, line => line.Contains("secret", StringComparison.Ordinal));
    }

    private static void WaitForEnd(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
        }
        catch (ArgumentException)
        {
            // It has ended already.
        }
    }
}
