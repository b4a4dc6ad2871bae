using System.Diagnostics;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary><c>vmbus export</c> as a process of its own, which listens when this is made.</summary>
internal sealed class ExportProcess : IDisposable
{
    private readonly Process _process;

    internal ExportProcess(string socket, params string[] arguments)
    {
        Socket = socket;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        string[] words = [Path.ChangeExtension(typeof(Program).Assembly.Location, ".dll"), "export", .. arguments, "--socket", socket];
        foreach (string word in words) start.ArgumentList.Add(word);
        _process = Process.Start(start)!;
        Assert.True(SpinWait.SpinUntil(Listens, TimeSpan.FromSeconds(60)), "It does not listen.");
    }

    internal string Socket { get; }

    /// <summary>As <c>kill -9</c> does.</summary>
    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Sends a signal that does not end it.</summary>
    internal void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>As <c>kill</c> does.</summary>
    /// <returns>Exit status, and what it said but for the warning of memory that cannot be sealed.</returns>
    internal (int Status, string Error) Terminate()
    {
        using Process kill = Process.Start("kill", [_process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        string[] lines = _process.StandardError.ReadToEnd().Split('\n');
        _process.WaitForExit();
        // Whether a front-end's memory can be sealed depends on the host, and for some it never can.
        return (_process.ExitCode, string.Join('\n', lines.Where(static line => !line.Contains("could shorten", StringComparison.Ordinal))));
    }

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }

    private bool Listens()
    {
        if (_process.HasExited) Assert.Fail(_process.StandardError.ReadToEnd());
        if (!File.Exists(Socket)) return false;
        // A socket that a killed one has left refuses.
        using LinuxFile? connection = UnixSocket.TryConnect(Socket, out _);
        if (connection is null) Thread.Sleep(20);
        return connection is not null;
    }
}
