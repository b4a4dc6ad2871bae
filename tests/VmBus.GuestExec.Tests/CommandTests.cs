using System.Security.Cryptography;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;
using Xunit;

namespace VmBus.GuestExec.Tests;

/// <summary>Commands get what the host says and the host gets all that they say, up to their end.</summary>
public sealed class CommandTests
{
    private const ExecRequestFlags Input = ExecRequestFlags.Input;

    [Fact]
    public void Outputs_and_exit_status_are_told_apart()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("echo out; echo err >&2; exit 7"));
        Ending ending = host.Finish();
        Assert.Equal(("exited 7", "out\n", "err\n"), (ending.How, ending.Text, ending.ErrorText));
    }

    [Fact]
    public void Arguments_variables_and_folder_are_the_requests_and_nothing_is_inherited()
    {
        Environment.SetEnvironmentVariable("VMBUS_EXEC_TEST", "inherited");
        using var host = new HostEnd();
        host.Start(new ExecRequest
        {
            Arguments = ["sh", "-c", "printf '%s|' \"$@\" \"$PWD\" \"$ADDED\" \"$VMBUS_EXEC_TEST\" \"$USER\"; readlink /proc/self/fd/* | grep -c 'anon_inode\\|socket'", "sh", "a b", "", "ü"],
            Variables = ["ADDED=x=y"],
            Folder = "/usr",
        });
        Assert.Equal($"a b||ü|/usr|x=y||{UserAccount.Current.Name}|0\n", host.Finish().Text);
    }

    [Fact]
    public void Input_is_passed_on_and_ends()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("cat; echo end", Input));
        host.Send(GuestBoundFrame.Input, "one "u8);
        host.Send(GuestBoundFrame.Input, "two "u8);
        host.Send(GuestBoundFrame.InputEnd);
        Ending ending = host.Finish();
        Assert.Equal(("exited 0", "one two end\n", 8), (ending.How, ending.Text, ending.InputTaken));
    }

    [Fact]
    public async Task Much_input_and_output_go_at_the_same_time_as_far_as_there_is_room()
    {
        byte[] much = RandomNumberGenerator.GetBytes(8 << 20);
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("cat", Input));
        using var room = new SemaphoreSlim(ExecProtocol.InputWindowBytes / 4096);
        Task sending = Task.Run(() =>
        {
            for (int at = 0; at < much.Length; at += 4096)
            {
                room.Wait();
                host.Send(GuestBoundFrame.Input, much.AsSpan(at, 4096));
            }

            host.Send(GuestBoundFrame.InputEnd);
        });
        using var output = new MemoryStream();
        int owed = 0;
        while (true)
        {
            (HostBoundFrame type, byte[] payload) = host.Receive();
            if (type == HostBoundFrame.Exited) break;
            if (type == HostBoundFrame.Output) output.Write(payload);
            if (type != HostBoundFrame.InputTaken) continue;
            Assert.True(ExecInputTaken.TryRead(payload, out ExecInputTaken taken));
            owed += taken.Bytes;
            if (owed >= 4096) room.Release(owed / 4096);
            owed %= 4096;
        }

        await sending;
        Assert.Equal(SHA256.HashData(much), SHA256.HashData(output.ToArray()));
    }

    [Fact]
    public void Host_that_does_not_read_stops_the_command_and_gets_everything_later()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("head -c 3000000 /dev/zero; echo done >&2"));
        // The command can only have written all of it, and come to its last words, when somebody has read.
        Ending ending = host.Finish();
        Assert.Equal(("exited 0", 3_000_000, "done\n"), (ending.How, ending.Output.Length, ending.ErrorText));
    }

    [Fact]
    public void Signals_reach_the_command_even_behind_input_that_nobody_takes()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("exec 2>/dev/null; trap 'echo got USR1' USR1; echo ready; while :; do sleep 0.1; done", Input));
        host.ReceiveUntil("ready");
        for (int i = 0; i < ExecProtocol.InputWindowBytes / 65536; i++) host.Send(GuestBoundFrame.Input, new byte[65536]);
        host.Signal(ExecSignal.User1);
        host.ReceiveUntil("got USR1");
        host.Signal(ExecSignal.Terminate);
        Assert.Equal("killed 15", host.Finish().How);
    }

    [Fact]
    public void Signals_reach_the_commands_children()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("trap : INT; sh -c 'trap \"echo child; exit 4\" INT; echo ready; while :; do sleep 0.1; done'; echo status $?"));
        host.ReceiveUntil("ready");
        host.Signal(ExecSignal.Interrupt);
        Assert.EndsWith("child\nstatus 4\n", host.Finish().Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Command_that_closes_its_input_goes_on_and_the_host_too()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("exec <&-; echo closed; sleep 1000", Input));
        host.ReceiveUntil("closed");
        for (int i = 0; i < ExecProtocol.InputWindowBytes / 65536; i++) host.Send(GuestBoundFrame.Input, new byte[65536]);
        int taken = 0;
        while (taken < ExecProtocol.InputWindowBytes)
        {
            (HostBoundFrame type, byte[] payload) = host.Receive();
            Assert.Equal(HostBoundFrame.InputTaken, type);
            Assert.True(ExecInputTaken.TryRead(payload, out ExecInputTaken frame));
            taken += frame.Bytes;
        }

        host.Signal(ExecSignal.Kill);
        Assert.Equal("killed 9", host.Finish().How);
    }

    [Fact]
    public void Command_has_ended_when_its_program_has_though_a_child_keeps_the_output()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("sleep 1000 & echo $!"));
        Ending ending = host.Finish();
        Assert.Equal("exited 0", ending.How);
        using var sleeper = System.Diagnostics.Process.GetProcessById(int.Parse(ending.Text.Trim(), System.Globalization.CultureInfo.InvariantCulture));
        sleeper.Kill();
    }

    [Fact]
    public void Terminal_is_the_commands_own_with_the_hosts_size_and_keys()
    {
        using var host = new HostEnd();
        host.Start(HostEnd.Shell("tty; stty size; ps -o tty= -p $$; read line; echo \"got $line\"; trap 'stty size; exit 3' WINCH; echo wait; while :; do read x; done", ExecRequestFlags.Terminal | Input));
        string shown = host.ReceiveUntil("33 111\r\n");
        Assert.StartsWith("/dev/pts/", shown, StringComparison.Ordinal);
        host.Send(GuestBoundFrame.Input, "typed\r"u8);
        shown = host.ReceiveUntil("wait");
        Assert.Contains("got typed", shown, StringComparison.Ordinal);
        Span<byte> size = stackalloc byte[ExecWindowSize.Size];
        new ExecWindowSize(44, 99).Write(size);
        host.Send(GuestBoundFrame.WindowSize, size);
        host.Send(GuestBoundFrame.Input, "\r"u8);
        Ending ending = host.Finish();
        Assert.Equal("exited 3", ending.How);
        Assert.Contains("44 99", ending.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_of_a_terminal_interrupts_and_the_end_of_input_is_its_character()
    {
        using (var host = new HostEnd())
        {
            host.Start(HostEnd.Shell("echo ready; exec sleep 1000", ExecRequestFlags.Terminal | Input));
            host.ReceiveUntil("ready");
            host.Send(GuestBoundFrame.Input, [3]);
            Assert.Equal("killed 2", host.Finish().How);
        }

        using (var host = new HostEnd())
        {
            host.Start(HostEnd.Shell("cat", ExecRequestFlags.Terminal | Input));
            host.Send(GuestBoundFrame.Input, "half a line"u8);
            host.Send(GuestBoundFrame.InputEnd);
            Ending ending = host.Finish();
            Assert.Equal("exited 0", ending.How);
            Assert.Contains("half a linehalf a line", ending.Text, StringComparison.Ordinal);
        }
    }
}
