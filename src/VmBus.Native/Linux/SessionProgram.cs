namespace VmBus.Native.Linux;

/// <summary>A program to run as a <see cref="SessionProcess"/>.</summary>
/// <param name="Path">Its file, with a slash; a relative path begins at <paramref name="Folder"/>.</param>
/// <param name="Arguments">Its arguments, the first of which is its own name.</param>
/// <param name="Variables">All of its environment, each NAME=VALUE.</param>
/// <param name="Folder">The folder that it begins in.</param>
public sealed record SessionProgram(string Path, IReadOnlyList<string> Arguments, IReadOnlyList<string> Variables, string Folder)
{
    /// <summary>The path of the terminal that is to be the session's, and the program's input and outputs; null for the descriptors below.</summary>
    public string? Terminal { get; init; }

    /// <summary>Its input; null for an empty one. The caller's own stays open.</summary>
    public LinuxFile? Input { get; init; }

    /// <summary>Its output; null for none.</summary>
    public LinuxFile? Output { get; init; }

    /// <summary>Its error output; null for none.</summary>
    public LinuxFile? ErrorOutput { get; init; }
}
