using System.Diagnostics;

namespace VmBus.Benchmarks.Guest;

/// <summary>A running monitor with the guest's serial console on its standard input and output. One thread uses it.</summary>
internal sealed class GuestProcess : IDisposable
{
    private readonly Process _process;
    private readonly Queue<string> _lastLines = new();
    private readonly string _name;

    internal GuestProcess(GuestMonitor monitor, GuestStart start)
    {
        _name = monitor.Name;
        // ip becomes the monitor, with its process id.
        string[] command = [.. start.Namespace is null ? Array.Empty<string>() : ["ip", "netns", "exec", start.Namespace], .. monitor.Arguments(start)];
        var info = new ProcessStartInfo(command[0], command.Skip(1)) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        Started = Stopwatch.GetTimestamp();
        _process = Process.Start(info) ?? throw new InvalidOperationException($"{command[0]} did not start");
    }

    /// <summary>Time stamp from just before the process was made.</summary>
    internal long Started { get; }

    internal double Seconds => Stopwatch.GetElapsedTime(Started).TotalSeconds;

    internal int Id => _process.Id;

    /// <summary>The last lines of the console that nobody waited for.</summary>
    internal string LastLines => string.Join('\n', _lastLines);

    /// <summary>Reads the console up to the line that begins with <paramref name="prefix"/>; returns what follows there.</summary>
    /// <exception cref="InvalidOperationException">The guest ended before.</exception>
    internal string WaitFor(string prefix)
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            int at = line.IndexOf(prefix, StringComparison.Ordinal);
            if (at >= 0) return line[(at + prefix.Length)..].Trim();
            _lastLines.Enqueue(line.TrimEnd());
            if (_lastLines.Count > 12) _lastLines.Dequeue();
        }

        throw new InvalidOperationException($"{_name}: the guest ended before it said '{prefix}':\n{LastLines}");
    }

    internal void Send(string line)
    {
        _process.StandardInput.Write(line + "\n");
        _process.StandardInput.Flush();
    }

    /// <summary>Waits for the monitor's own end.</summary>
    internal void WaitForEnd()
    {
        while (_process.StandardOutput.ReadLine() is not null)
        {
        }

        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
