using System.Diagnostics;
using System.Globalization;

namespace VmBus.Benchmarks.Sockets;

/// <summary>The program <c>streams</c> at the host, where a monitor takes the guest's connections to: a Unix socket, or AF_VSOCK with vhost.</summary>
internal sealed class SocketListener : IDisposable
{
    /// <summary>The port that the guest connects to; its agent knows it.</summary>
    private const int Port = 5000;

    private readonly Process _process;
    private readonly string? _path;

    /// <summary>Starts it; it listens when this returns.</summary>
    /// <param name="streams">The program.</param>
    /// <param name="relay">The path that our monitor relays to, or null for AF_VSOCK.</param>
    internal SocketListener(string streams, string? relay)
    {
        string port = Port.ToString(CultureInfo.InvariantCulture);
        if (relay is not null) _path = $"{relay}_{port}";
        string[] address = _path is null ? ["vsock", port] : ["unix", _path];
        _process = Process.Start(new ProcessStartInfo(streams, ["listen", .. address]) { UseShellExecute = false, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{streams} did not start");
        if (_process.StandardOutput.ReadLine() == "listening") return;
        Dispose();
        throw new InvalidOperationException($"{streams} does not listen at {string.Join(' ', address)}");
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        if (_path is not null) File.Delete(_path);
    }
}
