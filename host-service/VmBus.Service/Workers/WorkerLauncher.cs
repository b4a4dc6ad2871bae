using System.Collections;
using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Native.Linux;
using VmBus.Service.Definitions;
using VmBus.Service.Hosting;

namespace VmBus.Service.Workers;

/// <summary>Starts workers, and finds those that an earlier service has started.</summary>
/// <remarks>
/// A worker is <c>vmbus run</c> with the definition's options: a unit of systemd where that runs, else a session of its own. Its error output is a file, so nothing of it ends with
/// the service; what it does not need, systemd or <see cref="WorkerConfinement"/> takes from it before the runtime starts, and the rest it gives up itself before its guest runs.
/// </remarks>
/// <param name="options">Where things are.</param>
/// <param name="watch">Tells when workers end.</param>
internal sealed class WorkerLauncher(ServiceOptions options, WorkerWatch watch)
{
    private readonly WorkerConfinement _confinement = new();

    /// <summary>The files of a partition's worker.</summary>
    public WorkerFiles FilesOf(string name) => new(options.State, name);

    /// <summary>Starts a worker.</summary>
    /// <exception cref="IOException">It cannot be started; one line.</exception>
    public Worker Launch(PartitionDefinition definition)
    {
        WorkerFiles files = FilesOf(definition.Name);
        try
        {
            files.Prepare(options.Group is { } name ? FindGroup(name) : null);
            WholeFile.Write(files.Definition, definition.Text);
            long startedMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            (RunningProcess process, SessionProcess? child) = Spawn(definition, files);
            try
            {
                new WorkerRecord(process.ProcessId, process.StartTicks, WorkerRecord.ThisBoot, startedMs).Write(files.Record);
                return new Worker(process, child, watch.EndOf(process), startedMs);
            }
            catch (IOException)
            {
                // Nobody would find it again.
                process.TrySignal(RunningProcess.Kill);
                process.Dispose();
                child?.Dispose();
                throw;
            }
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(exception.Message, exception);
        }
    }

    /// <summary>Finds the worker of a partition that an earlier service has started.</summary>
    /// <returns>Null when there is none, or none any more.</returns>
    public Worker? TryFind(string name)
    {
        WorkerFiles files = FilesOf(name);
        if (WorkerRecord.TryRead(files.Record) is { } record && record.Boot == WorkerRecord.ThisBoot && RunningProcess.TryOpen(record.Process) is { } recorded)
        {
            if (recorded.StartTicks == record.StartTicks) return new Worker(recorded, null, watch.EndOf(recorded), record.StartedMs);
            recorded.Dispose();
        }

        // A service that was killed between a start and its record has left a worker that answers, or will.
        if ((TryAsk(files.Control) ?? WorkerSearch.TryFind(files)) is not { } number || RunningProcess.TryOpen(number) is not { } process) return null;
        long startedMs = new DateTimeOffset(File.GetLastWriteTimeUtc(files.Log)).ToUnixTimeMilliseconds();
        try
        {
            new WorkerRecord(process.ProcessId, process.StartTicks, WorkerRecord.ThisBoot, startedMs).Write(files.Record);
        }
        catch (IOException)
        {
            // It is found by its socket the next time as well.
        }

        return new Worker(process, null, watch.EndOf(process), startedMs);
    }

    private static uint FindGroup(string name)
        => UserGroup.TryFind(name, out uint id) ? id : throw new IOException($"There is no group '{name}' (Service:Group): make it, or name another.");

    private static int? TryAsk(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Blocking = false;
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return PeerCredentials.Read(socket, allGroups: false).Process;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private IReadOnlyList<string> Arguments(PartitionDefinition definition, WorkerFiles files)
        => [options.Program, "run", .. definition.Options, "--control", options.Group is { } group ? $"{files.Control},group={group}" : files.Control, "--result", files.Result];

    private (RunningProcess Process, SessionProcess? Child) Spawn(PartitionDefinition definition, WorkerFiles files)
    {
        IReadOnlyList<string> arguments = Arguments(definition, files);
        if (!File.Exists(options.Program)) throw new IOException($"The program '{options.Program}' (Service:Program) is not there: install it, or name where it is.");
        using LinuxFile log = LinuxFile.TryOpen(files.Log, LinuxOpen.Append, out int errno) ?? throw new LinuxException($"Opening '{files.Log}' failed", errno);
        IReadOnlyList<string> variables = Variables();
        if (options.Systemd ?? (FileOwner.CurrentUser == 0 && SystemdUnit.IsPossible))
            return (SystemdUnit.Start(definition, files, arguments, log, variables), null);
        IReadOnlyList<string> words = [.. _confinement.Words(definition.StartsPasst), .. arguments];
        var program = new SessionProgram(words[0], words, variables, "/") { Output = log, ErrorOutput = log };
        SessionProcess child = SessionProcess.TryStart(program, out errno) ?? throw new LinuxException($"Starting '{words[0]}' failed", errno);
        // Until it is waited for, its number is nobody else's.
        if (RunningProcess.TryOpen(child.ProcessId) is { } process) return (process, child);
        child.Dispose();
        throw new IOException("The worker has ended at once.");
    }

    // What tells systemd of the service is not the workers'.
    private static IReadOnlyList<string> Variables()
        => [.. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(static variable => variable.Key is not ("NOTIFY_SOCKET" or "WATCHDOG_USEC" or "WATCHDOG_PID" or "JOURNAL_STREAM" or "LISTEN_FDS" or "LISTEN_PID"))
            .Select(static variable => $"{variable.Key}={variable.Value}")];
}
