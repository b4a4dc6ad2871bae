namespace VmBus.Storage.Disks;

/// <summary>Why a disk cannot be opened.</summary>
public enum DiskProblem
{
    /// <summary>Nothing at this path.</summary>
    NotFound,

    /// <summary>The user may not read or write it.</summary>
    NoPermission,

    /// <summary>The path is a directory or otherwise no image.</summary>
    NotADisk,

    /// <summary>Another process writes it, or reads it and minds our writing.</summary>
    Locked,

    /// <summary>The size is no multiple of the sector, or zero, or less than the format needs.</summary>
    BadSize,

    /// <summary>The content does not agree with the format asked for, or none was given and the content looks like one.</summary>
    Format,

    /// <summary>The size cannot be changed from here.</summary>
    FixedSize,

    /// <summary>A program or library is not installed.</summary>
    MissingTool,

    /// <summary>An option is unknown or has a bad value.</summary>
    BadOption,

    /// <summary>The host refused for another reason.</summary>
    Host,
}

/// <summary>A disk cannot be opened. The message is one line for people: what, which value, what to do.</summary>
public sealed class DiskException : IOException
{
    /// <summary>Describes the problem.</summary>
    public DiskException(DiskProblem problem, string message)
        : base(message) => Problem = problem;

    /// <summary>The kind of problem.</summary>
    public DiskProblem Problem { get; }
}
