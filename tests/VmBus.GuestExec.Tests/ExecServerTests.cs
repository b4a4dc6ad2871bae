using VmBus.Native.Linux;
using VmBus.Protocol.Exec;
using Xunit;

namespace VmBus.GuestExec.Tests;

/// <summary>One server serves as many commands as it may, and only those of the host.</summary>
public sealed class ExecServerTests
{
    [Fact]
    public void Thirty_third_command_is_refused_as_busy_until_another_has_ended()
    {
        using var stop = EventFd.Create();
        var warnings = new List<string>();
        using var server = new ExecServer(new ExecServerOptions { Warn = warnings.Add }, stop);
        var running = new List<HostEnd>();
        try
        {
            while (running.Count < 32)
            {
                running.Add(new HostEnd(server));
                running[^1].Start(HostEnd.Shell("read -r _; exit 3", ExecRequestFlags.Input));
            }

            using (var refused = new HostEnd(server)) Assert.Equal("Busy: 32 commands run already", refused.Finish().How);
            Assert.Equal(["exec: 32 commands run already"], warnings);

            running[0].Send(GuestBoundFrame.Input, "\n"u8);
            Assert.Equal("exited 3", running[0].Finish().How);
            running[0].Dispose();
            running[0] = StartWhenThereIsRoom(server);
        }
        finally
        {
            stop.Signal();
            server.WaitForCommands();
            foreach (HostEnd host in running) host.Dispose();
        }
    }

    [Fact]
    public void Connection_of_another_than_the_host_is_closed_without_a_word()
    {
        using var stop = EventFd.Create();
        var warnings = new List<string>();
        using var server = new ExecServer(new ExecServerOptions { Warn = warnings.Add }, stop);
        (LinuxFile near, LinuxFile far) = UnixStream.CreatePair();
        using (far)
        {
            server.Begin(near, peer: 1);
            Assert.Equal(0, DescriptorIo.Read(far.Descriptor, new byte[1]));
        }

        server.WaitForCommands();
        Assert.Equal(["exec: refused a connection of 1, which is not the host"], warnings);
    }

    // The server counts a command until its connection is closed at both ends, which it notices on a thread of its own.
    private static HostEnd StartWhenThereIsRoom(ExecServer server)
    {
        while (true)
        {
            var host = new HostEnd(server);
            try
            {
                host.Request(HostEnd.Shell("read -r _", ExecRequestFlags.Input));
            }
            catch (IOException)
            {
                // A server that is busy does not wait for the request.
            }

            (HostBoundFrame type, _) = host.Receive();
            if (type == HostBoundFrame.Started) return host;
            Assert.Equal(HostBoundFrame.Error, type);
            host.Dispose();
        }
    }
}
