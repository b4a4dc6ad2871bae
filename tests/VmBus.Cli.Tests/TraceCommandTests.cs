using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.Bus;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary><c>vmbus trace</c> as a user runs it, against a bus here.</summary>
public sealed class TraceCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-cli-trace-").FullName;
    private readonly FakeGuest _guest = new();
    private readonly RecordingPartition _partition = new();
    private readonly ControlSocket _socket;
    private readonly ControlServer _server;

    public TraceCommandTests()
    {
        _guest.Server.Offer(new EchoDevice());
        _partition.Bus = _guest.Server;
        _socket = ControlSocket.Claim(new ControlSocketOptions(Path.Combine(_folder, "control"), null));
        var services = new ControlServices(
            "test", new VerbTable(new PartitionVerbs(_partition, TimeSpan.FromSeconds(7))), new EventHub("demo", 100), null, null, new ControlLimits(), NullLogger.Instance)
        {
            OpenTrace = request => _partition.StartTrace(TraceRequests.Read(request)),
        };
        _server = ControlServer.Start(_socket, services);
    }

    public void Dispose()
    {
        _server.Dispose();
        _socket.Dispose();
        _guest.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task File_has_as_many_records_as_were_asked_for_and_the_count_is_printed()
    {
        string path = Path.Combine(_folder, "trace.pcapng");
        using Process process = Start($"trace --out {path} --count 6");
        await WhenTraced(path);
        _ = _guest.Connect();
        (int status, string output, string error) = await EndAsync(process);
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(await File.ReadAllBytesAsync(path), out long? lost);
        Assert.Equal((6, 0), (records.Count, lost));
        Assert.Equal((0, string.Create(CultureInfo.InvariantCulture, $"6 records, {new FileInfo(path).Length} bytes, 0 lost\n"), ""), (status, output, error));
    }

    [Fact]
    public async Task Interrupt_ends_it_with_a_file_that_is_whole()
    {
        string path = Path.Combine(_folder, "trace.pcapng");
        using Process process = Start($"trace --packets --out {path}");
        await WhenTraced(path);
        GuestChannel channel = _guest.Open(Assert.Single(_guest.Connect()));
        channel.Send(new byte[8], 1);
        _ = channel.Receive();
        using (Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync();
        (int status, string output, _) = await EndAsync(process);
        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(await File.ReadAllBytesAsync(path), out long? lost);
        Assert.Equal(2, records.Count(static record => record.Header.Kind == TraceKind.Packet));
        Assert.Equal((0, 0), (status, lost));
        Assert.StartsWith($"{records.Count} records, ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Standard_output_has_the_file_and_the_words_go_elsewhere()
    {
        using Process process = Start("trace --out - --seconds 0.1");
        using var file = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(file);
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(TraceKind.Channel, Assert.Single(TraceRecord.ReadAll(file.ToArray(), out long? lost)).Header.Kind);
        Assert.Equal((0, 0, $"1 records, {file.Length} bytes, 0 lost\n"), (process.ExitCode, lost, error));
    }

    [Theory]
    [InlineData("trace", 2, "Option '--out' is required.")]
    [InlineData("trace --out /dev/null --channel scsi", 2, "--channel is of ring packets: give --packets too.")]
    [InlineData("trace --out /dev/null --packets --channel scsy", 2, "'scsy' is no channel")]
    [InlineData("trace --out /dev/null --seconds 0", 2, "--seconds 0: must be 0.1 to 1000000.")]
    [InlineData("trace --out /dev/null --count 0", 2, "--count 0: must be 1 or more.")]
    [InlineData("trace --out /dev/null --snap lots", 2, "--snap 'lots': not a size")]
    [InlineData("trace --out /dev/null --buffer 1K", 2, "A buffer of 1024 cannot be")]
    [InlineData("trace --out /nowhere/file --count 1", 1, "/nowhere/file")]
    public async Task What_makes_no_sense_is_told_in_one_line(string line, int status, string message)
    {
        using Process process = Start(line);
        (int ended, string output, string error) = await EndAsync(process);
        Assert.Equal((status, ""), (ended, output));
        Assert.Contains(message, error.Split('\n')[0], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dissector_is_the_file_beside_the_pages()
    {
        using Process process = Start("dissector", hasSocket: false);
        (int status, string output, _) = await EndAsync(process);
        Assert.Equal((0, await File.ReadAllTextAsync(Path.Combine(Repository.Root, "protocol-spec", "vmbus.lua"))), (status, output));
    }

    // The file has its head when the trace runs.
    private static async Task WhenTraced(string path)
    {
        while (!File.Exists(path) || new FileInfo(path).Length == 0) await Task.Yield();
    }

    private static async Task<(int Status, string Output, string Error)> EndAsync(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    // Whoever runs the tests in the background has SIGINT ignored.
    private Process Start(string line, bool hasSocket = true)
    {
        var start = new ProcessStartInfo("env") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string word in new[] { "--default-signal=INT", "dotnet", typeof(Program).Assembly.Location }.Concat(line.Split(' '))) start.ArgumentList.Add(word);
        if (hasSocket) start.ArgumentList.Add($"--control={_socket.Path}");
        return Process.Start(start)!;
    }
}
