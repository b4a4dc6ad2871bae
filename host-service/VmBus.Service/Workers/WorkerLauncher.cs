using System.Collections;
using System.Globalization;
using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Native.Linux;
using VmBus.Service.Definitions;
using VmBus.Service.Hosting;

namespace VmBus.Service.Workers;

/// <summary>Starts workers, and finds those that an earlier service has started.</summary>
/// <remarks>
/// A worker is <c>vmbus run</c> with the definition's options: a unit of systemd where that runs, else a session of its own. Its error output is a file, so nothing of it ends with
/// the service; what it does not need, systemd or <see cref="WorkerConfinement"/> takes from it before the runtime starts. Then it opens what its partition is made of, becomes a user
/// who has no rights (<see cref="WorkerUsers"/>), and gives up the rest before its guest runs. What is added later is opened by <c>vmbus give</c>, with the rights that it began with.
/// </remarks>
/// <param name="options">Where things are.</param>
/// <param name="watch">Tells when workers end.</param>
internal sealed class WorkerLauncher(ServiceOptions options, WorkerWatch watch)
{
    private const string NicOption = "--nic";

    private readonly WorkerConfinement _confinement = new();
    private readonly WorkerUsers _users = new(options.WorkerUsers, options.Program);

    /// <summary>Why workers stay the service's user; null when they do not.</summary>
    public string? WithoutUsers => _users.Missing;

    private bool UsesSystemd => options.Systemd ?? (FileOwner.CurrentUser == 0 && SystemdUnit.IsPossible);

    /// <summary>The files of a partition's worker.</summary>
    public WorkerFiles FilesOf(string name) => new(options.State, name);

    /// <summary>Starts a worker.</summary>
    /// <exception cref="IOException">It cannot be started; one line.</exception>
    public Worker Launch(PartitionDefinition definition)
    {
        WorkerFiles files = FilesOf(definition.Name);
        uint? user = _users.Take();
        bool runs = false;
        try
        {
            files.Prepare(options.Group is { } name ? FindGroup(name) : null);
            WholeFile.Write(files.Definition, definition.Text);
            long startedMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            (RunningProcess process, SessionProcess? child) = Spawn(definition, files, user);
            try
            {
                new WorkerRecord(process.ProcessId, process.StartTicks, WorkerRecord.ThisBoot, startedMs, user).Write(files.Record);
                Task gone = watch.EndOf(process);
                ReleaseAfter(gone, user);
                runs = true;
                return new Worker(process, child, gone, startedMs);
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
        finally
        {
            if (!runs && user is { } unused) _users.Release(unused);
        }
    }

    /// <summary>Has something opened for a worker that runs, and given to it. Blocks until it is there.</summary>
    /// <param name="definition">The partition, as it runs.</param>
    /// <param name="option">What: an option of <c>vmbus give</c>.</param>
    /// <param name="text">Its value.</param>
    /// <param name="renews">Whether it takes the place of a network adapter's link that was lost.</param>
    /// <exception cref="IOException">It cannot be opened; one line.</exception>
    public void Give(PartitionDefinition definition, string option, string text, bool renews)
    {
        WorkerFiles files = FilesOf(definition.Name);
        var words = new WorkerLog(files.Log);
        long said = words.Length();
        string[] arguments =
        [
            options.Program, "give", files.Given, $"{option}={text}", "--cpus", definition.Processors.ToString(CultureInfo.InvariantCulture), .. renews ? new[] { "--renew" } : Array.Empty<string>(),
        ];
        bool startsPasst = option == NicOption;
        using LinuxFile log = OpenLog(files);
        bool given = UsesSystemd
            ? SystemdUnit.Give(definition, files, startsPasst, arguments, log, Variables())
            : GiveBySession([.. _confinement.Words(startsPasst, drops: false), .. arguments], log);
        if (!given) throw new IOException(words.LastWords(said, ofProgram: true) ?? "'vmbus give' has ended without a word; the partition's log may have one.");
    }

    /// <summary>Finds the worker of a partition that an earlier service has started.</summary>
    /// <returns>Null when there is none, or none any more.</returns>
    public Worker? TryFind(string name)
    {
        WorkerFiles files = FilesOf(name);
        if (WorkerRecord.TryRead(files.Record) is { } record && record.Boot == WorkerRecord.ThisBoot && RunningProcess.TryOpen(record.Process) is { } recorded)
        {
            if (recorded.StartTicks == record.StartTicks) return Found(recorded, record.User, record.StartedMs);
            recorded.Dispose();
        }

        // A service that was killed between a start and its record has left a worker that answers, or will.
        if ((TryAsk(files.Control) ?? WorkerSearch.TryFind(files)) is not { } number || RunningProcess.TryOpen(number) is not { } process) return null;
        long startedMs = new DateTimeOffset(File.GetLastWriteTimeUtc(files.Log)).ToUnixTimeMilliseconds();
        uint? own = WorkerSearch.UserOf(number) is { } found && found != FileOwner.CurrentUser ? found : null;
        try
        {
            new WorkerRecord(process.ProcessId, process.StartTicks, WorkerRecord.ThisBoot, startedMs, own).Write(files.Record);
        }
        catch (IOException)
        {
            // It is found by its socket the next time as well.
        }

        return Found(process, own, startedMs);
    }

    private Worker Found(RunningProcess process, uint? user, long startedMs)
    {
        Task gone = watch.EndOf(process);
        if (user is { } one) _users.Keep(one);
        ReleaseAfter(gone, user);
        return new Worker(process, null, gone, startedMs);
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

    private static LinuxFile OpenLog(WorkerFiles files)
        => LinuxFile.TryOpen(files.Log, LinuxOpen.Append, out int errno) ?? throw new LinuxException($"Opening '{files.Log}' failed", errno);

    private static bool GiveBySession(IReadOnlyList<string> words, LinuxFile log)
    {
        using SessionProcess giver = SessionProcess.TryStart(new SessionProgram(words[0], words, Variables(), "/") { Output = log, ErrorOutput = log }, out int errno)
            ?? throw new LinuxException($"Starting '{words[0]}' failed", errno);
        return giver.Reap() is (0, 0);
    }

    private void ReleaseAfter(Task gone, uint? user)
    {
        if (user is { } one) _ = gone.ContinueWith(_ => _users.Release(one), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private IReadOnlyList<string> Arguments(PartitionDefinition definition, WorkerFiles files, uint? user)
    {
        // By its number: a worker does not see what tells of names that are kept elsewhere.
        string control = options.Group is { } group ? string.Create(CultureInfo.InvariantCulture, $"{files.Control},group={FindGroup(group)}") : files.Control;
        string[] own = user is { } number ? ["--run-as", number.ToString(CultureInfo.InvariantCulture)] : [];
        return [options.Program, "run", .. definition.Options, "--control", control, "--result", files.Result, "--given", files.Given, .. own];
    }

    private (RunningProcess Process, SessionProcess? Child) Spawn(PartitionDefinition definition, WorkerFiles files, uint? user)
    {
        IReadOnlyList<string> arguments = Arguments(definition, files, user);
        if (!File.Exists(options.Program)) throw new IOException($"The program '{options.Program}' (Service:Program) is not there: install it, or name where it is.");
        using LinuxFile log = OpenLog(files);
        IReadOnlyList<string> variables = Variables();
        if (UsesSystemd)
            return (SystemdUnit.Start(definition, files, arguments, user is not null, log, variables), null);
        IReadOnlyList<string> words = [.. _confinement.Words(definition.StartsPasst, user is not null), .. arguments];
        var program = new SessionProgram(words[0], words, variables, "/") { Output = log, ErrorOutput = log };
        SessionProcess child = SessionProcess.TryStart(program, out int errno) ?? throw new LinuxException($"Starting '{words[0]}' failed", errno);
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
