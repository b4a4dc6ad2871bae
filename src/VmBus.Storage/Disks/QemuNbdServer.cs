using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Native.Nbd;

namespace VmBus.Storage.Disks;

/// <summary>A <c>qemu-nbd</c> child process that serves one image on a private Unix socket.</summary>
/// <remarks>
/// The child is not persistent: it ends by itself when its last client goes. The connection kept here is the first and last one, so a
/// parent that is killed leaves no server behind that holds the image's lock. Any thread. Source: qemu-nbd(8).
/// </remarks>
internal sealed class QemuNbdServer : IDisposable
{
    private const string Program = "qemu-nbd";

    // Long enough for a slow disk to open a large image's tables, short enough to be told.
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly string _folder;
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lastWords = new();
    private NbdConnection? _anchor;
    private bool _stopping;
    private bool _reported;

    private QemuNbdServer(Process process, string folder, string path, ILogger logger)
    {
        _process = process;
        _folder = folder;
        _path = path;
        _logger = logger;
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>The child's process id.</summary>
    internal int ProcessId { get; private set; }

    /// <summary>What the image is.</summary>
    internal NbdExport Export => _anchor!.Export;

    private string SocketPath => Path.Combine(_folder, "nbd");

    /// <summary>Starts the child and waits until it serves.</summary>
    /// <exception cref="DiskException">A tool is missing, or the child cannot open the image.</exception>
    internal static QemuNbdServer Start(DiskOptions options, ILogger logger)
    {
        if (!NbdConnection.IsInstalled) throw Missing(options.Path, "the library libnbd.so.0", "libnbd0");
        // Its mode is 0700: nobody else may connect.
        string folder = Directory.CreateTempSubdirectory("vmbus-nbd-").FullName;
        QemuNbdServer? server = null;
        try
        {
            var process = new Process { StartInfo = Describe(options, Path.Combine(folder, "nbd")), EnableRaisingEvents = true };
            server = new QemuNbdServer(process, folder, options.Path, logger);
            server.Run();
            return server;
        }
        catch (Win32Exception)
        {
            server?.Dispose();
            throw Missing(options.Path, "the program qemu-nbd", "qemu-utils");
        }
        catch
        {
            server?.Dispose();
            throw;
        }
    }

    /// <summary>Opens another connection. Blocks for a moment.</summary>
    /// <returns>Null when the child is gone.</returns>
    internal NbdConnection? Connect() => NbdConnection.TryConnect(SocketPath, out _);

    /// <summary>Says once that the child is gone. It has been said when this returns, whichever thread did.</summary>
    internal void ReportLoss()
    {
        lock (_gate)
        {
            if (_stopping || _reported) return;
            _reported = true;
            StorageLog.ServerLost(_logger, _path, ProcessId, _lastWords.Count == 0 ? "no last words" : string.Join(" | ", _lastWords));
        }
    }

    public void Dispose()
    {
        lock (_gate) _stopping = true;
        _anchor?.Dispose();
        try
        {
            // Without clients it writes back its caches and ends by itself; only a hung one is killed.
            if (_anchor is null || !_process.WaitForExit(StopLimit)) _process.Kill();
            _process.WaitForExit();
        }
        catch (InvalidOperationException)
        {
            // Never started.
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static ProcessStartInfo Describe(DiskOptions options, string socket)
    {
        var start = new ProcessStartInfo(Program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        start.ArgumentList.Add($"--socket={socket}");
        start.ArgumentList.Add($"--format={QemuNameOf(options.Format)}");
        start.ArgumentList.Add("--shared=0");
        start.ArgumentList.Add(options.Cache == DiskCache.Direct ? "--cache=none" : "--cache=writeback");
        start.ArgumentList.Add("--discard=unmap");
        if (options.ReadOnly) start.ArgumentList.Add("--read-only");
        // A full path: QEMU would take a colon before the first slash for a protocol, and a leading dash for an option.
        start.ArgumentList.Add(Path.GetFullPath(options.Path));
        return start;
    }

    private static string QemuNameOf(DiskFormat format) => format == DiskFormat.Vhd ? "vpc" : DiskFactory.NameOf(format);

    private static DiskException Missing(string path, string what, string package) =>
        new(DiskProblem.MissingTool, $"Disk '{path}' needs {what}, which is not installed; install the package {package}.");

    private void Run()
    {
        _process.Exited += (_, _) => ReportLoss();
        _process.Start();
        ProcessId = _process.Id;
        _process.StandardInput.Close();
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        long deadline = Environment.TickCount64 + (long)StartLimit.TotalMilliseconds;
        while (true)
        {
            // The socket appears when the image is open; there is no other sign that costs less.
            if (File.Exists(SocketPath) && (_anchor = Connect()) is not null) return;
            if (_process.WaitForExit(TimeSpan.FromMilliseconds(10)))
            {
                // Waits for the last words too.
                _process.WaitForExit();
                throw Explain();
            }

            if (Environment.TickCount64 <= deadline) continue;
            throw new DiskException(
                DiskProblem.Host,
                string.Create(CultureInfo.InvariantCulture, $"Disk '{_path}': qemu-nbd did not open it within {StartLimit.TotalSeconds} s."));
        }
    }

    private DiskException Explain()
    {
        lock (_gate)
        {
            _stopping = true;
            string words = _lastWords.Count == 0 ? "it gave no reason" : string.Join(' ', _lastWords);
            return words switch
            {
                _ when words.Contains(" lock", StringComparison.Ordinal) =>
                    new(DiskProblem.Locked, $"Disk '{_path}' is in use by another process; stop that one first (lslocks and lsof name it)."),
                _ when words.Contains("Permission denied", StringComparison.Ordinal) =>
                    new(DiskProblem.NoPermission, $"Disk '{_path}' or a file it refers to may not be opened by this user; qemu-nbd says: {words}"),
                _ => new(DiskProblem.Format, $"Disk '{_path}' cannot be opened; qemu-nbd says: {words}"),
            };
        }
    }

    private void Keep(string? line)
    {
        const int MaximumLines = 4;
        const int MaximumCharacters = 300;
        if (string.IsNullOrWhiteSpace(line)) return;
        lock (_gate)
        {
            if (_lastWords.Count == MaximumLines) _lastWords.Dequeue();
            _lastWords.Enqueue(line.Length > MaximumCharacters ? line[..MaximumCharacters] : line);
        }
    }
}
