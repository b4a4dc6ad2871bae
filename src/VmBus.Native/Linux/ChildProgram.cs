using System.Collections;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A program to run as a <see cref="ChildProcess"/> or a <see cref="LastingProcess"/>.</summary>
/// <param name="Name">Its name, which is looked for in PATH.</param>
/// <param name="Arguments">Its arguments.</param>
public sealed record ChildProgram(string Name, IReadOnlyList<string> Arguments)
{
    /// <summary>The descriptor that the child has under the number <see cref="ChildProcess.GivenDescriptor"/>, or null; the caller's own stays open here.</summary>
    public SafeHandle? Descriptor { get; init; }

    /// <summary>More for its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a line that it says is worth keeping; all are unless told.</summary>
    public Func<string, bool> IsOfInterest { get; init; } = static _ => true;

    /// <summary>The program's file, or null when it is not installed.</summary>
    internal string? Find()
    {
        string path = System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        return path.Split(':').Select(folder => Path.Combine(folder, Name)).FirstOrDefault(File.Exists);
    }

    /// <summary>Its environment, each NAME=VALUE: this process's, and what it is told of <see cref="Descriptor"/>, and <see cref="Environment"/>.</summary>
    internal IEnumerable<string> Variables()
    {
        var variables = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables()) variables[(string)variable.Key] = (string?)variable.Value;
        if (Descriptor is not null) variables["LISTEN_FDS"] = "1";
        foreach ((string name, string value) in Environment) variables[name] = value;
        return variables.Select(static variable => $"{variable.Key}={variable.Value}");
    }
}
