using System.Diagnostics;

namespace VmBus.Benchmarks.Sockets;

/// <summary>
/// The program <c>streams</c> at the host: it listens where a monitor takes the guest's connections to, a Unix socket or AF_VSOCK with vhost, and
/// connects to the guest.
/// </summary>
internal sealed class HostStreams : IDisposable
{
    // Of both listeners; the guest's agent knows it.
    private const string Port = "5000";

    private readonly string _streams;
    private readonly string? _relay;
    private readonly Process _process;
    private readonly string? _path;

    /// <summary>Starts the listener; it listens when this returns.</summary>
    /// <param name="streams">The program.</param>
    /// <param name="relay">The path that our monitor relays to, or null for AF_VSOCK.</param>
    internal HostStreams(string streams, string? relay)
    {
        _streams = streams;
        _relay = relay;
        if (relay is not null) _path = $"{relay}_{Port}";
        string[] address = _path is null ? ["vsock", Port] : ["unix", _path];
        _process = Process.Start(new ProcessStartInfo(streams, ["listen", .. address]) { UseShellExecute = false, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{streams} did not start");
        if (_process.StandardOutput.ReadLine() == "listening") return;
        Dispose();
        throw new InvalidOperationException($"{streams} does not listen at {string.Join(' ', address)}");
    }

    /// <summary>Does a job of the host.</summary>
    /// <returns>Microseconds, or what the program said in their place.</returns>
    internal string Connect(string job)
    {
        string[] address = _relay is null ? ["vhost", Port] : ["relay", _relay];
        var info = new ProcessStartInfo(_streams, ["connect", .. address, .. job.Split(' ')]) { UseShellExecute = false, RedirectStandardOutput = true };
        using Process process = Process.Start(info) ?? throw new InvalidOperationException($"{_streams} did not start");
        string answer = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return answer;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        if (_path is not null) File.Delete(_path);
    }
}
