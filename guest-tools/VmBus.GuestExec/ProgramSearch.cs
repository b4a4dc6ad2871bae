using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>Finds the file of a command as a shell does. Source: POSIX, Shell Command Language, command search and execution.</summary>
internal static class ProgramSearch
{
    private const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Looks for a command.</summary>
    /// <param name="name">A path, or a name to look for.</param>
    /// <param name="path">Where to look: folders with colons between them.</param>
    /// <param name="folder">Where relative paths begin.</param>
    /// <param name="file">Its file, with a slash; relative where the command is.</param>
    /// <returns>Null when it was found, else why not.</returns>
    public static ExecErrorCode? Find(string name, string path, string folder, out string file)
    {
        file = name;
        if (name.Contains('/', StringComparison.Ordinal)) return Look(Path.Combine(folder, name));
        ExecErrorCode? outcome = ExecErrorCode.NotFound;
        foreach (string place in path.Split(':'))
        {
            // No folder stands for the one that the command begins in.
            string candidate = place.Length == 0 ? $"./{name}" : $"{place}/{name}";
            ExecErrorCode? found = Look(Path.Combine(folder, candidate));
            if (found is null)
            {
                file = candidate;
                return null;
            }

            // One that cannot be run says more than that there is none.
            if (found == ExecErrorCode.NotExecutable) outcome = found;
        }

        return outcome;
    }

    private static ExecErrorCode? Look(string file)
    {
        try
        {
            if (Directory.Exists(file)) return ExecErrorCode.NotExecutable;
            if (!File.Exists(file)) return ExecErrorCode.NotFound;
            return (File.GetUnixFileMode(file) & Execute) == 0 ? ExecErrorCode.NotExecutable : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ExecErrorCode.NotFound;
        }
    }
}
