using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Native.Nbd;

namespace VmBus.Storage.Disks;

/// <summary>A <c>qemu-nbd</c> child process that serves one image on a socket that only this process finds.</summary>
/// <remarks>
/// The child is not persistent: it ends by itself when its last client goes. The connection kept here is the first and last one, and before there is
/// one the child ends with its parent, so a parent that is killed leaves no server behind that holds the image's lock. Any thread. Source: qemu-nbd(8).
/// </remarks>
internal sealed class QemuNbdServer : IDisposable
{
    private const string Program = "qemu-nbd";

    // Long enough for a slow disk to open a large image's tables, short enough to be told.
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly ChildProcess _child;
    private readonly UnixListener _listener;
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private NbdConnection? _anchor;
    private bool _stopping;
    private bool _reported;

    private QemuNbdServer(ChildProcess child, UnixListener listener, string path, ILogger logger)
    {
        _child = child;
        _listener = listener;
        _path = path;
        _logger = logger;
    }

    /// <summary>The child's process id.</summary>
    internal int ProcessId => _child.ProcessId;

    /// <summary>What the image is.</summary>
    internal NbdExport Export => _anchor!.Export;

    /// <summary>Starts the child and waits until it serves.</summary>
    /// <exception cref="DiskException">A tool is missing, or the child cannot open the image.</exception>
    internal static QemuNbdServer Start(DiskOptions options, ILogger logger)
    {
        if (!NbdConnection.IsInstalled) throw Missing(options.Path, "the library libnbd.so.0", "libnbd0");
        UnixListener? listener = null;
        QemuNbdServer? server = null;
        try
        {
            listener = UnixListener.Create();
            ChildProcess child = ChildProcess.TryStart(Describe(options, listener.Socket)) ?? throw Missing(options.Path, "the program qemu-nbd", "qemu-utils");
            server = new QemuNbdServer(child, listener, options.Path, logger);
            server.Connect(options);
            return server;
        }
        catch (Exception failure)
        {
            if (server is not null) server.Dispose();
            else listener?.Dispose();
            if (failure is LinuxException refused) throw new DiskException(DiskProblem.Host, $"Disk '{options.Path}' cannot be opened: {refused.Message}.");
            throw;
        }
    }

    /// <summary>Opens another connection. Blocks for a moment.</summary>
    /// <returns>Null when the child is gone.</returns>
    internal NbdConnection? Connect() => NbdConnection.TryConnect(_listener.Path, out _);

    /// <summary>Says once that the child is gone. It has been said when this returns, whichever thread did.</summary>
    internal void ReportLoss()
    {
        lock (_gate)
        {
            if (_stopping || _reported) return;
            _reported = true;
            StorageLog.ServerLost(_logger, _path, ProcessId, Words("no last words", " | "));
        }
    }

    public void Dispose()
    {
        lock (_gate) _stopping = true;
        _anchor?.Dispose();
        // Without clients it writes back its caches and ends by itself; only a hung one is killed.
        if (_anchor is not null) _ = _child.WaitForEnd(StopLimit);
        _child.Dispose();
        _listener.Dispose();
    }

    private static ChildProgram Describe(DiskOptions options, LinuxFile socket)
    {
        List<string> arguments =
        [
            $"--format={QemuNameOf(options.Format)}",
            "--shared=0",
            options.Cache == DiskCache.Direct ? "--cache=none" : "--cache=writeback",
            "--discard=unmap",
        ];
        if (options.ReadOnly) arguments.Add("--read-only");
        // A full path: QEMU would take a colon before the first slash for a protocol, and a leading dash for an option.
        arguments.Add(Path.GetFullPath(options.Path));
        return new ChildProgram(Program, arguments) { Descriptor = socket, Environment = new Dictionary<string, string> { ["LC_ALL"] = "C" } };
    }

    private static string QemuNameOf(DiskFormat format) => format == DiskFormat.Vhd ? "vpc" : DiskFactory.NameOf(format);

    private static DiskException Missing(string path, string what, string package) =>
        new(DiskProblem.MissingTool, $"Disk '{path}' needs {what}, which is not installed; install the package {package}.");

    // The child answers when it has opened the image; one that ends before that resets the connection, because nobody else has the socket.
    private void Connect(DiskOptions options)
    {
        _listener.Socket.Dispose();
        bool late = false;
        using (new Timer(_ => { late = true; _child.Kill(); }, null, StartLimit, Timeout.InfiniteTimeSpan)) _anchor = Connect();
        if (_anchor is null)
        {
            _ = _child.WaitForEnd(StartLimit);
            throw late
                ? new DiskException(
                    DiskProblem.Host,
                    string.Create(CultureInfo.InvariantCulture, $"Disk '{options.Path}': qemu-nbd did not open it within {StartLimit.TotalSeconds} s."))
                : Explain();
        }

        _child.Ended += _ => ReportLoss();
        // It may have ended before anyone listened.
        if (_child.HasEnded) ReportLoss();
    }

    private DiskException Explain()
    {
        string words = Words("it gave no reason", " ");
        return words switch
        {
            _ when words.Contains(" lock", StringComparison.Ordinal) =>
                new(DiskProblem.Locked, $"Disk '{_path}' is in use by another process; stop that one first (lslocks and lsof name it)."),
            _ when words.Contains("Permission denied", StringComparison.Ordinal) =>
                new(DiskProblem.NoPermission, $"Disk '{_path}' or a file it refers to may not be opened by this user; qemu-nbd says: {words}"),
            _ => new(DiskProblem.Format, $"Disk '{_path}' cannot be opened; qemu-nbd says: {words}"),
        };
    }

    private string Words(string none, string separator) => _child.LastWords is { Count: > 0 } words ? string.Join(separator, words) : none;
}
