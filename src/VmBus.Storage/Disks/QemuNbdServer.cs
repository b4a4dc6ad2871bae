using System.Globalization;
using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Native.Nbd;

namespace VmBus.Storage.Disks;

/// <summary>A <c>qemu-nbd</c> process that serves one image on a socket that only this process finds, or only it and whoever has started the program.</summary>
/// <remarks>
/// The program is not persistent: it ends by itself when its last client goes. The connection kept here is the first and last one. A child of this process ends with it before there
/// is one, so a parent that is killed leaves no server behind that holds the image's lock; one that was started for this process comes with a connection that has been its first.
/// Any thread. Source: qemu-nbd(8).
/// </remarks>
internal sealed class QemuNbdServer : IDisposable
{
    private const string Program = "qemu-nbd";

    // Images of any owner. What else root may is nothing for a program that reads what guests have written.
    private static readonly string[] Needed = ["dac_override", "dac_read_search"];

    // Long enough for a slow disk to open a large image's tables, short enough to be told.
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);

    private readonly IServingProcess _child;
    private readonly SocketPlace _place;
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private NbdConnection? _anchor;
    private LinuxFile? _hold;
    private bool _stopping;
    private bool _reported;

    private QemuNbdServer(IServingProcess child, SocketPlace place, string path, ILogger logger)
    {
        _child = child;
        _place = place;
        _path = path;
        _logger = logger;
    }

    /// <summary>The child's process id.</summary>
    internal int ProcessId => _child.ProcessId;

    /// <summary>What the image is.</summary>
    internal NbdExport Export => _anchor!.Export;

    /// <summary>Starts a child and waits until it serves.</summary>
    /// <exception cref="DiskException">A tool is missing, or the child cannot open the image.</exception>
    internal static QemuNbdServer Start(DiskOptions options, ILogger logger)
    {
        CheckLibrary(options);
        UnixListener? listener = null;
        QemuNbdServer? server = null;
        try
        {
            listener = UnixListener.Create();
            ChildProcess child = ChildProcess.TryStart(Describe(options, listener.Socket)) ?? throw MissingProgram(options);
            server = new QemuNbdServer(child, listener.Place, options.Path, logger);
            // One that ends before it serves resets the connection only when nobody else has the socket.
            listener.Socket.Dispose();
            server.Begin();
            return server;
        }
        catch (Exception failure)
        {
            if (server is not null) server.Dispose();
            else listener?.Dispose();
            if (failure is LinuxException refused) throw Refused(options, refused);
            throw;
        }
    }

    /// <summary>Starts a program that serves whoever gets the descriptors, and waits until it does.</summary>
    /// <exception cref="DiskException">A tool is missing, or the program cannot open the image.</exception>
    internal static DiskDescriptors OpenDescriptors(DiskOptions options)
    {
        CheckLibrary(options);
        try
        {
            using UnixListener listener = UnixListener.Create();
            listener.Place.OpenToAll();
            using LastingProcess program = LastingProcess.TryStart(Describe(options, listener.Socket) with { Capabilities = Needed }) ?? throw MissingProgram(options);
            listener.Socket.Dispose();
            using NbdConnection first = Begin(program, () => NbdConnection.TryConnect(listener.Path, out _), options.Path);
            return new DiskDescriptors(options, [first.ShareSocket(), listener.Place.Handle.Duplicate(), program.Handle.Duplicate()]);
        }
        catch (LinuxException refused)
        {
            throw Refused(options, refused);
        }
    }

    /// <summary>Uses a program that another process has started, and takes over the descriptors.</summary>
    /// <exception cref="DiskException">The library is missing, or the program is gone.</exception>
    internal static QemuNbdServer Use(DiskDescriptors open, ILogger logger)
    {
        IReadOnlyList<LinuxFile> files = open.Take(3);
        var server = new QemuNbdServer(LastingProcess.Take(files[2]), new SocketPlace(files[1]), open.Options.Path, logger) { _hold = files[0] };
        try
        {
            CheckLibrary(open.Options);
            server.Begin();
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Opens another connection. Blocks for a moment.</summary>
    /// <returns>Null when the child is gone.</returns>
    internal NbdConnection? Connect() => NbdConnection.TryConnect(_place.Path, out _);

    /// <summary>Says once that the child is gone. It has been said when this returns, whichever thread did.</summary>
    internal void ReportLoss()
    {
        lock (_gate)
        {
            if (_stopping || _reported) return;
            _reported = true;
            StorageLog.ServerLost(_logger, _path, ProcessId, Words(_child, "no last words", " | "));
        }
    }

    public void Dispose()
    {
        lock (_gate) _stopping = true;
        _anchor?.Dispose();
        _hold?.Dispose();
        // Without clients it writes back its caches and ends by itself; only a hung one is killed.
        if (_anchor is not null && !_child.WaitForEnd(StopLimit))
        {
            _child.Kill();
            _ = _child.WaitForEnd(StopLimit);
        }

        _child.Dispose();
        _place.Dispose();
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
        return new ChildProgram(Program, arguments) { Descriptors = [socket], Environment = new Dictionary<string, string> { ["LC_ALL"] = "C" } };
    }

    private static string QemuNameOf(DiskFormat format) => format == DiskFormat.Vhd ? "vpc" : DiskFactory.NameOf(format);

    private static DiskException Missing(string path, string what, string package) =>
        new(DiskProblem.MissingTool, $"Disk '{path}' needs {what}, which is not installed; install the package {package}.");

    private static DiskException MissingProgram(DiskOptions options) => Missing(options.Path, "the program qemu-nbd", "qemu-utils");

    private static DiskException Refused(DiskOptions options, LinuxException refused) => new(DiskProblem.Host, $"Disk '{options.Path}' cannot be opened: {refused.Message}.");

    private static void CheckLibrary(DiskOptions options)
    {
        if (!NbdConnection.IsInstalled) throw Missing(options.Path, "the library libnbd.so.0", "libnbd0");
    }

    // The program answers when it has opened the image; one that ends before that resets the connection, because nobody else has the socket.
    private static NbdConnection Begin(IServingProcess program, Func<NbdConnection?> connect, string path)
    {
        bool late = false;
        NbdConnection? connection;
        using (new Timer(_ => { late = true; program.Kill(); }, null, StartLimit, Timeout.InfiniteTimeSpan)) connection = connect();
        if (connection is not null) return connection;
        _ = program.WaitForEnd(StartLimit);
        throw late
            ? new DiskException(DiskProblem.Host, string.Create(CultureInfo.InvariantCulture, $"Disk '{path}': qemu-nbd did not open it within {StartLimit.TotalSeconds} s."))
            : Explain(path, program);
    }

    private void Begin()
    {
        _anchor = Begin(_child, Connect, _path);
        _child.Ended += _ => ReportLoss();
        // It may have ended before anyone listened.
        if (_child.HasEnded) ReportLoss();
    }

    private static DiskException Explain(string path, IServingProcess program)
    {
        string words = Words(program, "it gave no reason", " ");
        return words switch
        {
            _ when words.Contains(" lock", StringComparison.Ordinal) =>
                new(DiskProblem.Locked, $"Disk '{path}' is in use by another process; stop that one first (lslocks and lsof name it)."),
            _ when words.Contains("Permission denied", StringComparison.Ordinal) =>
                new(DiskProblem.NoPermission, $"Disk '{path}' or a file it refers to may not be opened by this user; qemu-nbd says: {words}"),
            _ => new(DiskProblem.Format, $"Disk '{path}' cannot be opened; qemu-nbd says: {words}"),
        };
    }

    private static string Words(IServingProcess program, string none, string separator) => program.LastWords is { Count: > 0 } words ? string.Join(separator, words) : none;
}
