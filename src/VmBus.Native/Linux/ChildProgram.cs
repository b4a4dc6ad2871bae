using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A program to run as a <see cref="ChildProcess"/> or a <see cref="LastingProcess"/>.</summary>
/// <param name="Name">Its name, which is looked for in PATH.</param>
/// <param name="Arguments">Its arguments.</param>
public sealed record ChildProgram(string Name, IReadOnlyList<string> Arguments)
{
    /// <summary>Descriptors that the child has under the numbers from <see cref="ChildProcess.GivenDescriptor"/> on; the caller's own stay open here.</summary>
    public IReadOnlyList<SafeHandle> Descriptors { get; init; } = [];

    /// <summary>More for its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Names of the capabilities that it keeps where this process is root's and may take the others away; null for all. It gains none then.</summary>
    public IReadOnlyList<string>? Capabilities { get; init; }

    /// <summary>Whether a line that it says is worth keeping; all are unless told.</summary>
    public Func<string, bool> IsOfInterest { get; init; } = static _ => true;

    /// <summary>The program's file, or null when it is not installed.</summary>
    internal string? Find()
    {
        string path = System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        return path.Split(':').Select(folder => Path.Combine(folder, Name)).FirstOrDefault(File.Exists);
    }

    /// <summary>It and its arguments, and before them what it is started through.</summary>
    internal IEnumerable<string> Words() => [.. (Capabilities is null ? [] : RootsRights.Keep(Capabilities)), Name, .. Arguments];

    /// <summary>Its environment, each NAME=VALUE: this process's, and what it is told of <see cref="Descriptors"/>, and <see cref="Environment"/>.</summary>
    internal IEnumerable<string> Variables()
    {
        var variables = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables()) variables[(string)variable.Key] = (string?)variable.Value;
        if (Descriptors.Count > 0) variables["LISTEN_FDS"] = Descriptors.Count.ToString(CultureInfo.InvariantCulture);
        foreach ((string name, string value) in Environment) variables[name] = value;
        return variables.Select(static variable => $"{variable.Key}={variable.Value}");
    }

    /// <summary>Starts it with its descriptors.</summary>
    /// <param name="spawn">What else happens before it is there.</param>
    /// <param name="words">The first program to run, and its arguments.</param>
    /// <param name="processId">Its process id.</param>
    /// <returns>0, or errno.</returns>
    internal int TryStart(PosixSpawn spawn, string[] words, out int processId)
    {
        List<LinuxFile> copies = [];
        try
        {
            // Out of the way first, so that none lies where another goes.
            int first = ChildProcess.GivenDescriptor;
            processId = 0;
            foreach (SafeHandle descriptor in Descriptors)
            {
                if (LinuxFile.TryDuplicateFrom(descriptor, first + Descriptors.Count, out int errno) is not { } copy) return errno;
                copies.Add(copy);
            }

            for (int i = 0; i < copies.Count; i++) spawn.Copy(copies[i].Descriptor, first + i);
            return spawn.TryStart(words[0], words, Variables(), out processId);
        }
        finally
        {
            foreach (LinuxFile copy in copies) copy.Dispose();
        }
    }
}
