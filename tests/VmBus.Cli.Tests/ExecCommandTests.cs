using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.GuestExec;
using VmBus.Host.Consoles;
using VmBus.Management.Verbs;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary><c>vmbus exec</c> as a user runs it, against a server here whose guest is this machine, or means harm.</summary>
public sealed class ExecCommandTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-cli-exec-").FullName;
    private readonly EventFd _stop = EventFd.Create();
    private readonly SharedConsole _console = new(new NullConsole(), static _ => { });
    private readonly ControlSocket _socket;
    private readonly ControlServer _server;
    private Action<LinuxFile> _guest;

    public ExecCommandTests()
    {
        _guest = connection => ExecServer.Serve(connection, new ExecServerOptions(), _stop);
        var partition = new RecordingPartition();
        _socket = ControlSocket.Claim(new ControlSocketOptions(Path.Combine(_folder, "control"), null));
        var services = new ControlServices("test", new VerbTable(new PartitionVerbs(partition, Patience)), new EventHub("demo", 10), _console, OpenExec, new ControlLimits(), NullLogger.Instance);
        _server = ControlServer.Start(_socket, services);
    }

    [Theory]
    [InlineData("echo out; echo err >&2; exit 7", 7, "out\n", "err\n")]
    [InlineData("kill -TERM $$", 143, "", "")]
    [InlineData("tr a-z A-Z", 0, "TYPED", "")]
    public async Task Outputs_input_and_exit_status_are_the_commands(string script, int status, string output, string error)
        => Assert.Equal((status, output, error), await RunAsync("TYPED", "--", "sh", "-c", script));

    [Fact]
    public async Task Options_say_how_the_command_runs()
    {
        Assert.Equal((0, "b /usr\n", ""), await RunAsync("typed", "--env", "A=b", "--cwd", "/usr", "--no-stdin", "--", "sh", "-c", "echo $A $PWD $(cat)"));
        (int status, string output, string error) = await RunAsync("typed\n", "-t", "--", "sh", "-c", "tty; stty -echo; read -r line; echo \"got $line\" >&2");
        Assert.Equal((0, ""), (status, error));
        // The terminal may have echoed what was typed before the command told it not to.
        Assert.Contains(output.Split("\r\n"), static line => line.StartsWith("/dev/pts/", StringComparison.Ordinal));
        Assert.EndsWith("got typed\r\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(127, "vmbus: The guest: there is no program 'no-such-program'\n", "--", "no-such-program")]
    [InlineData(126, "vmbus: The guest: '/etc' cannot be run: it is a folder, or nobody may execute it\n", "--", "/etc")]
    [InlineData(1, "vmbus: The guest: there is no user 'no\\u{1b}one'\n", "--user", "no\u001bone", "--", "true")]
    [InlineData(2, "vmbus: --env 'A': write it as NAME=VALUE.\n", "--env", "A", "--", "true")]
    [InlineData(2, "vmbus: The command has no name.\n", "--", "")]
    public async Task Command_that_cannot_be_run_is_told_in_one_line(int status, string error, params string[] words)
        => Assert.Equal((status, "", error), await RunAsync("", words));

    [Fact]
    public async Task Command_line_without_a_command_or_one_that_is_too_long_is_bad_usage()
    {
        Assert.Equal(2, (await RunAsync("")).Status);
        (int status, _, string error) = await RunAsync("", "--", "echo", new string('x', 70_000));
        Assert.Equal((2, "vmbus: The command with its environment is too long or has a zero byte: 65536 bytes can be sent.\n"), (status, error));
    }

    [Theory]
    [InlineData("TERM", 5)]
    [InlineData("USR1", 6)]
    public async Task Signals_are_passed_on(string signal, int expected)
    {
        using Process process = Start("--", "sh", "-c", "trap 'exit 5' TERM; trap 'exit 6' USR1; echo up; while :; do sleep 0.1; done");
        Assert.Equal("up", await process.StandardOutput.ReadLineAsync());
        using Process kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(new CancellationTokenSource(Patience).Token);
        Assert.Equal(expected, process.ExitCode);
    }

    [Fact]
    public void Terminal_here_is_the_keyboard_and_screen_of_the_commands()
    {
        using var terminal = PseudoTerminal.Create(UserAccount.Current.Id);
        terminal.Resize(30, 100);
        string[] words = ["dotnet", typeof(Program).Assembly.Location, "exec", "-t", "--", "sh", "-c", "stty size; echo up; while [ \"$(stty size)\" = '30 100' ]; do sleep 0.05; done; stty size; read -r line; echo $TERM $line; exec sleep 1000"];
        string[] variables =
        [
            $"PATH={Environment.GetEnvironmentVariable("PATH")}", $"DOTNET_ROOT={Environment.GetEnvironmentVariable("DOTNET_ROOT")}", "HOME=/tmp", "TERM=vt100",
            $"{ControlProtocol.SocketVariable}={_socket.Path}",
        ];
        using SessionProcess process = SessionProcess.TryStart(new SessionProgram(Find("dotnet"), words, variables, "/") { Terminal = terminal.Path }, out int errno)
            ?? throw new LinuxException("Starting failed", errno);
        Assert.StartsWith("30 100\r\n", Show(terminal, "up\r\n"), StringComparison.Ordinal);
        terminal.Resize(50, 120);
        Assert.Equal("50 120\r\n", Show(terminal, "\r\n"));
        _ = DescriptorIo.Write(terminal.Near.Descriptor, "typed\r"u8);
        _ = Show(terminal, "vt100 typed\r\n");
        // The key goes to the guest, and its terminal makes the signal.
        _ = DescriptorIo.Write(terminal.Near.Descriptor, [3]);
        Assert.Equal((130, 0), process.Reap());
    }

    [Fact]
    public async Task Much_goes_in_and_out_at_once()
    {
        byte[] much = RandomNumberGenerator.GetBytes(8 << 20);
        using Process process = Start("--", "cat");
        Task sending = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(much);
            process.StandardInput.Close();
        });
        using var output = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(output);
        await sending;
        await process.WaitForExitAsync();
        Assert.Equal((0, Convert.ToHexString(SHA256.HashData(much))), (process.ExitCode, Convert.ToHexString(SHA256.HashData(output.ToArray()))));
    }

    [Fact]
    public async Task Command_ends_with_the_reader_of_its_output()
    {
        using Process process = Start("--", "yes");
        Assert.Equal("y", await process.StandardOutput.ReadLineAsync());
        process.StandardOutput.Close();
        await process.WaitForExitAsync(new CancellationTokenSource(Patience).Token);
        Assert.Equal(141, process.ExitCode);
    }

    [Theory]
    [InlineData("", "The connection to the guest has ended before the command has")]
    [InlineData("00000000 81000000", "The guest's exec service says what makes no sense")]
    [InlineData("01000100 81000000", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0200000001000000", "The guest's exec service says what makes no sense")]
    [InlineData("01000000 82000000 41", "The guest's exec service says what makes no sense")]
    [InlineData("04000000 85000000 00000000", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0100000001000000 00000000 01000000", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0100000001000000 04000000 85000000 00010000", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0100000001000000 04000000 86000000 41000000", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0100000001000000 04000000 84000000 00000400", "The guest's exec service says what makes no sense")]
    [InlineData("08000000 81000000 0100000001000000 08000000 81000000 0100000001000000", "The guest's exec service says what makes no sense")]
    [InlineData("07000000 87000000 63001B5B324A41", "The guest: \\u{1b}[2JA")]
    public async Task Guest_that_means_harm_gets_no_further_than_a_line(string said, string error)
    {
        _guest = connection =>
        {
            using (connection)
            {
                _ = DescriptorIo.Write(connection.Descriptor, Convert.FromHexString(said.Replace(" ", "", StringComparison.Ordinal)));
                UnixSocket.EndSending(connection);
            }
        };
        (int status, string output, string printed) = await RunAsync("", "--no-stdin", "--", "true");
        Assert.Equal((1, ""), (status, output));
        Assert.StartsWith($"vmbus: {error}", printed, StringComparison.Ordinal);
        Assert.Single(printed.TrimEnd().Split('\n'));
    }

    public void Dispose()
    {
        _stop.Signal();
        _server.Dispose();
        _socket.Dispose();
        _console.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<Stream> OpenExec(CancellationToken cancellation)
    {
        (LinuxFile guest, LinuxFile host) = UnixStream.CreatePair();
        new Thread(() => _guest(guest)) { IsBackground = true }.Start();
        var socket = new Socket(new SafeSocketHandle(host.Descriptor, ownsHandle: true));
        host.SetHandleAsInvalid();
        return Task.FromResult<Stream>(new NetworkStream(socket, ownsSocket: true));
    }

    private static string Find(string program)
        => Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, program)).First(File.Exists);

    // What comes on the screen until it ends like this.
    private static string Show(PseudoTerminal terminal, string end)
    {
        var shown = new StringBuilder();
        var poll = new PollSet();
        byte[] buffer = new byte[1024];
        while (!shown.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            poll.Clear();
            poll.Add(terminal.Near.Descriptor, read: true);
            Assert.True(poll.Wait((int)Patience.TotalMilliseconds), $"Nothing comes after '{shown}'.");
            int count = DescriptorIo.Read(terminal.Near.Descriptor, buffer);
            Assert.True(count > 0, $"The screen ends with '{shown}'.");
            shown.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }

        return shown.ToString();
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(string input, params string[] words)
    {
        using Process process = Start(words);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    private Process Start(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "exec", .. words])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment[ControlProtocol.SocketVariable] = _socket.Path;
        return Process.Start(start)!;
    }
}
