using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using VmBus.TestKit.SpecTables;

namespace VmBus.TestKit.Testbed;

/// <summary>
/// One host with a capable KVM for many tests: the machine's own where it is, else the emulated parent host, started by
/// <c>tests/testbed/run --serve</c> with the first command. Use it as an xunit collection fixture.
/// </summary>
/// <remarks>
/// What the commands were and wrote stays in <c>TestResults/testbed-ASSEMBLY</c> until the next run. The host ends with the fixture, and
/// also with the test process, because the end of its standard input ends it. All members may be called from any thread.
/// </remarks>
public class TestbedFixture : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, TaskCompletionSource<int>> _jobs = new(StringComparer.Ordinal);
    private readonly StringBuilder _messages = new();
    private readonly string _name;
    private readonly string[] _options;
    private readonly Lazy<Task<Process>> _host;
    private int _lastJob;
    private volatile bool _ended;

    /// <summary>A fixture whose host is not started yet.</summary>
    public TestbedFixture()
        : this([])
    {
    }

    /// <summary>A fixture whose host is not started yet.</summary>
    /// <param name="options">More options of <c>tests/testbed/run</c>; with any, the host is another than that of a fixture without.</param>
    protected TestbedFixture(params string[] options)
    {
        _options = options;
        _name = string.Concat([Assembly.GetAssembly(GetType())?.GetName().Name ?? nameof(TestbedFixture), .. options]);
        Share = Path.Combine(Repository.Root, "TestResults", $"testbed-{_name}");
        _host = new Lazy<Task<Process>>(StartAsync);
    }

    /// <summary>The folder that is <c>$VMBUS_SHARE</c> in the host, with the same path here and there.</summary>
    public string Share { get; }

    /// <summary>Runs a bash command line in the host, from the repository's root, with <c>$VMBUS_SCRATCH</c> and <c>$VMBUS_SHARE</c> set.</summary>
    /// <param name="command">The command line; may be a whole script.</param>
    /// <param name="limit">Time limit, in whole seconds; the command is ended after it and its exit status is 124.</param>
    /// <exception cref="InvalidOperationException">The host did not start, or ended; the message holds what it said.</exception>
    public async Task<CommandResult> RunAsync(string command, TimeSpan limit)
    {
        ArgumentNullException.ThrowIfNull(command);
        Process host = await _host.Value;
        string id = Interlocked.Increment(ref _lastJob).ToString("000", CultureInfo.InvariantCulture);
        string folder = Path.Combine(Share, "jobs", id);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "command"), command + "\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "directory"), Repository.Root + "\n");

        var ended = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs[id] = ended;
        if (_ended)
        {
            throw Lost();
        }

        string request = string.Create(CultureInfo.InvariantCulture, $"run {id} {Math.Max(1, (int)limit.TotalSeconds)}\n");
        lock (_jobs)
        {
            host.StandardInput.Write(request);
            host.StandardInput.Flush();
        }

        int status;
        try
        {
            status = await ended.Task.WaitAsync(limit + AnswerLimit);
        }
        catch (TimeoutException)
        {
            // The host ends its commands itself at their limits: this one does nothing any more. Its end is reported to all who wait for it.
            host.Kill(entireProcessTree: true);
            status = await ended.Task;
        }

        return new CommandResult(
            command,
            status,
            await File.ReadAllTextAsync(Path.Combine(folder, "stdout")),
            await File.ReadAllTextAsync(Path.Combine(folder, "stderr")),
            folder);
    }

    /// <summary>Starts the host if no command has done so yet.</summary>
    /// <exception cref="InvalidOperationException">It does not start; the message holds what it said.</exception>
    protected Task StartHostAsync() => _host.Value;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the host, if it was started.</summary>
    /// <param name="disposing">True, as there is no finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (!_host.IsValueCreated || !_host.Value.IsCompletedSuccessfully)
        {
            return;
        }

        Process host = _host.Value.GetAwaiter().GetResult();
        host.StandardInput.Close();
        if (!host.WaitForExit(EndLimit))
        {
            host.Kill(entireProcessTree: true);
        }

        host.Dispose();
    }

    /// <summary>Work before the host starts; the files it returns are copied to <c>$VMBUS_SCRATCH</c>, which is fast here and slow there.</summary>
    /// <returns>Paths of files.</returns>
    protected virtual Task<IReadOnlyList<string>> PrepareAsync() => Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>Runs a program on this machine, outside the host, and returns its standard output.</summary>
    /// <param name="program">Path from the repository's root.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="InvalidOperationException">It failed; the message holds its error output.</exception>
    protected static async Task<string> RunToolAsync(string program, params string[] arguments)
    {
        ArgumentNullException.ThrowIfNull(program);
        using Process process = Start(program, arguments);
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"Exit status {process.ExitCode} of {program}: {await error}");
    }

    private static Process Start(string program, IEnumerable<string> arguments) => Process.Start(
        new ProcessStartInfo(Path.Combine(Repository.Root, program), arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = Repository.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException($"{program} does not start");

    private async Task<Process> StartAsync()
    {
        IReadOnlyList<string> files = await PrepareAsync();
        if (Directory.Exists(Share))
        {
            Directory.Delete(Share, recursive: true);
        }

        List<string> arguments = ["--serve", Share, "--disk", "32G", .. _options];
        foreach (string file in files)
        {
            arguments.AddRange(["--file", file]);
        }

        Process host = Start("tests/testbed/run", arguments);
        host.ErrorDataReceived += (_, line) =>
        {
            lock (_messages)
            {
                _messages.AppendLine(line.Data);
            }
        };
        host.BeginErrorReadLine();
        using var limit = new CancellationTokenSource(StartLimit);
        if (!string.Equals(await host.StandardOutput.ReadLineAsync(limit.Token), "ready", StringComparison.Ordinal))
        {
            throw Lost();
        }

        _ = ReadAnswersAsync(host);
        return host;
    }

    private async Task ReadAnswersAsync(Process host)
    {
        while (await host.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            if (words is ["done", var id, var status] && _jobs.TryRemove(id, out TaskCompletionSource<int>? ended))
            {
                ended.SetResult(int.Parse(status, CultureInfo.InvariantCulture));
            }
        }

        // A job is either in the table by now, or sees the flag.
        _ended = true;
        foreach (TaskCompletionSource<int> job in _jobs.Values)
        {
            job.TrySetException(Lost());
        }
    }

    private InvalidOperationException Lost()
    {
        lock (_messages)
        {
            return new InvalidOperationException($"The testbed's host is not there: {_messages.ToString().Trim()}");
        }
    }
}
