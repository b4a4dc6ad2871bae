using VmBus.Native.Linux;

namespace VmBus.Service.Workers;

/// <summary>The files of one partition's worker, in a folder of its own below the service's state folder.</summary>
/// <param name="state">The service's state folder.</param>
/// <param name="name">The partition.</param>
internal sealed class WorkerFiles(string state, string name)
{
    private const string Partitions = "partitions";

    /// <summary>The folder.</summary>
    public string Folder { get; } = Path.Combine(state, Partitions, name);

    /// <summary>The worker's control socket.</summary>
    public string Control => Path.Combine(Folder, "control");

    /// <summary>What the worker writes to its error output.</summary>
    public string Log => Path.Combine(Folder, "log");

    /// <summary>Where the worker is given what is opened for it while it runs.</summary>
    public string Given => Path.Combine(Folder, "given");

    /// <summary>The network adapters that it was given while it runs, in the words of the command line, a line each: those whose links may be opened again.</summary>
    public string Nics => Path.Combine(Folder, "nics");

    /// <summary>How the partition has ended; the worker writes it last.</summary>
    public string Result => Path.Combine(Folder, "result");

    /// <summary>Which process it is.</summary>
    public string Record => Path.Combine(Folder, "worker.json");

    /// <summary>There when somebody has asked for its end.</summary>
    public string Asked => Path.Combine(Folder, "asked");

    /// <summary>The definition that it was started with.</summary>
    public string Definition => Path.Combine(Folder, "definition.json");

    /// <summary>The partitions that have a folder.</summary>
    public static IEnumerable<string> Names(string state)
    {
        string folder = Path.Combine(state, Partitions);
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Select(static path => Path.GetFileName(path)!).Order(StringComparer.Ordinal) : [];
    }

    /// <summary>Makes the folder for the owner and the group, and takes away what an earlier worker has left.</summary>
    /// <param name="group">The group, or null.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public void Prepare(uint? group)
    {
        Directory.CreateDirectory(Folder);
        UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        // Whoever knows a name may pass; the folder of each partition says who may go in.
        File.SetUnixFileMode(Path.GetDirectoryName(Folder)!, mode | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        if (group is { } id) FileOwner.GiveToGroup(Folder, id);
        File.SetUnixFileMode(Folder, group is null ? mode : mode | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        File.Delete(Result);
        File.Delete(Record);
        File.Delete(Asked);
        File.Delete(Nics);
        File.Create(Log).Dispose();
    }

    /// <summary>The worker has ended: what is left is its log and how it has ended, for people. A worker that was killed has left its socket.</summary>
    public void Clear()
    {
        foreach (string path in new[] { Record, Asked, Definition, Control, Given, Nics })
        {
            try
            {
                File.Delete(path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // It names a process that is not there any more, which the next start replaces.
            }
        }
    }

    /// <summary>Keeps for a later service that somebody has asked for the worker's end.</summary>
    public void NoteAsked()
    {
        try
        {
            File.Create(Asked).Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A service that is restarted before the end may take it for one that nobody asked for; the end comes all the same.
        }
    }
}
