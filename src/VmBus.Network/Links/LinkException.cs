namespace VmBus.Network.Links;

/// <summary>Why a link cannot be opened.</summary>
public enum LinkProblem
{
    /// <summary>The bridge does not exist.</summary>
    NotFound,

    /// <summary>The user may not do it.</summary>
    NoPermission,

    /// <summary>The interface is none of the kind asked for.</summary>
    WrongKind,

    /// <summary>Another process has it.</summary>
    Busy,

    /// <summary>A program or a kernel module is missing.</summary>
    MissingTool,

    /// <summary>An option is unknown or has a bad value.</summary>
    BadOption,

    /// <summary>The host refused for another reason.</summary>
    Host,
}

/// <summary>A link cannot be opened. The message is one line for people: what, which value, what to do.</summary>
public sealed class LinkException : IOException
{
    /// <summary>Describes the problem.</summary>
    public LinkException(LinkProblem problem, string message)
        : base(message) => Problem = problem;

    /// <summary>The kind of problem.</summary>
    public LinkProblem Problem { get; }
}
