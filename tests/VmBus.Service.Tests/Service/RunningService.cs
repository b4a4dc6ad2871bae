using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Service.Tests.Service;

/// <summary>The program vmbusd in folders of its own, with workers that run nothing (fake-worker).</summary>
/// <param name="patience">How long all of a test may take; a minute when null.</param>
internal sealed class RunningService(TimeSpan? patience = null) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-service-").FullName;
    private readonly HashSet<int> _workers = [];
    private Process? _process;

    public string Definitions => Path.Combine(_folder, "definitions");

    public string State => Path.Combine(_folder, "state");

    public string Socket => Path.Combine(State, "vmbusd.sock");

    public CancellationToken Timely { get; } = new CancellationTokenSource(patience ?? Patience).Token;

    public string Errors { get; private set; } = "";

    /// <summary>Starts the service, and returns when it answers.</summary>
    public async Task StartAsync(params (string Name, string Value)[] variables)
    {
        _process = Launch(variables);
        while (true)
        {
            try
            {
                await using ControlClient client = await ConnectAsync();
                return;
            }
            catch (ControlException) when (!_process.HasExited)
            {
                await Task.Delay(50, Timely);
            }
        }
    }

    /// <summary>Starts another on the same folders, which is to end by itself.</summary>
    public async Task<(int Status, string Errors)> StartSecondAsync(params (string Name, string Value)[] variables)
    {
        using Process second = Launch(variables, keep: false);
        string errors = await second.StandardError.ReadToEndAsync(Timely);
        await second.WaitForExitAsync(Timely);
        return (second.ExitCode, errors);
    }

    /// <summary>Starts the service, and asks it to end as soon as there is its socket, which is before all of it has begun.</summary>
    public async Task<int> StopWhileStartingAsync(params (string Name, string Value)[] variables)
    {
        _process?.Dispose();
        _process = Launch(variables);
        while (!File.Exists(Socket)) await Task.Delay(1, Timely);
        return await StopAsync();
    }

    /// <summary>Ends the service as an operator or systemd does.</summary>
    public async Task<int> StopAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync(Timely);
        return _process.ExitCode;
    }

    /// <summary>Ends the service by force.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(Timely);
    }

    public Task<ControlClient> ConnectAsync() => ControlClient.ConnectAsync(Socket, "test", Timely);

    public async Task<TResult> AskAsync<TParameters, TResult>(ControlVerb<TParameters, TResult> verb, TParameters parameters)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        await using ControlClient client = await ConnectAsync();
        return await client.CallAsync(verb, parameters, Timely);
    }

    /// <summary>Defines a partition with more members of its definition.</summary>
    public Task<PartitionStatus> DefineAsync(string name, string members = "")
        => AskAsync(ServiceVerb.Define, new DefineRequest(name, $$"""{"kernel":"/k"{{(members.Length > 0 ? "," + members : "")}}}""", false));

    public async Task<PartitionStatus> StartPartitionAsync(string name)
    {
        PartitionStatus status = await AskAsync(ServiceVerb.Start, new NameRequest(name));
        lock (_workers) _workers.Add((int)status.Process!.Value);
        return status;
    }

    public Task<PartitionStatus> ShowAsync(string name = "web") => AskAsync(ServiceVerb.Show, new NameRequest(name));

    /// <summary>Waits until a partition stands so.</summary>
    public async Task<PartitionStatus> WaitForAsync(Func<PartitionStatus, bool> condition, string name = "web")
    {
        while (true)
        {
            PartitionStatus status = await ShowAsync(name);
            if (status.Process is { } process)
            {
                lock (_workers) _workers.Add((int)process);
            }

            if (condition(status)) return status;
            await Task.Delay(50, Timely);
        }
    }

    /// <summary>Sends a worker a signal.</summary>
    public Task SignalAsync(PartitionStatus partition, string signal) => SignalAsync((int)partition.Process!.Value, signal);

    /// <summary>The same by its number.</summary>
    public async Task SignalAsync(int worker, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", worker.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Timely);
    }

    public string StateFile(string name, string file) => Path.Combine(State, "partitions", name, file);

    /// <summary>The processes that are workers of these folders, whoever knows of them.</summary>
    public List<int> Workers()
    {
        // The fake worker is a script: its folder of state is among its words.
        List<int> found = [];
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int number)) continue;
            try
            {
                string words = File.ReadAllText(Path.Combine(folder, "cmdline"));
                if (words.Contains("fake-worker", StringComparison.Ordinal) && words.Contains(State, StringComparison.Ordinal)) found.Add(number);
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }

        return found;
    }

    public async ValueTask DisposeAsync()
    {
        // The test's time may be over.
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process?.Dispose();
        // Those that the service has started by itself are in its records.
        foreach (string record in Directory.Exists(State) ? Directory.GetFiles(State, "worker.json", SearchOption.AllDirectories) : [])
        {
            using var document = JsonDocument.Parse(await File.ReadAllTextAsync(record));
            _workers.Add(document.RootElement.GetProperty("Process").GetInt32());
        }

        foreach (int worker in _workers.Where(worker => File.Exists($"/proc/{worker}/cmdline") && File.ReadAllText($"/proc/{worker}/cmdline").Contains(_folder, StringComparison.Ordinal)))
        {
            using Process kill = Process.Start("kill", ["-KILL", worker.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Process Launch((string Name, string Value)[] variables, bool keep = true)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vmbusd")) { RedirectStandardError = true, UseShellExecute = false };
        start.Environment["VMBUSD_Service__Definitions"] = Definitions;
        start.Environment["VMBUSD_Service__State"] = State;
        // Where systemd runs as well: a test leaves no units.
        start.Environment["VMBUSD_Service__Systemd"] = "false";
        start.Environment["VMBUSD_Service__Program"] = Path.Combine(AppContext.BaseDirectory, "fake-worker");
        start.Environment["VMBUSD_Serilog__WriteTo__0__Name"] = "Console";
        start.Environment["VMBUSD_Serilog__WriteTo__0__Args__standardErrorFromLevel"] = "Verbose";
        start.Environment["VMBUSD_Serilog__WriteTo__0__Args__outputTemplate"] = "{Level:u3} {Partition:l}|{Message:l}{NewLine}{Exception}";
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        Process process = Process.Start(start)!;
        if (!keep) return process;
        process.ErrorDataReceived += (_, line) => Errors += line.Data + "\n";
        process.BeginErrorReadLine();
        return process;
    }
}
