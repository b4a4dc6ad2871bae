namespace VmBus.Protocol.Exec;

/// <summary>How a command is to run. Source: protocol-spec/exec.md#request-flags.</summary>
[Flags]
public enum ExecRequestFlags : ushort
{
    /// <summary>With pipes, and empty input.</summary>
    None = 0,

    /// <summary>On a terminal of its own.</summary>
    Terminal = 1,

    /// <summary>Input follows; without this its input is empty.</summary>
    Input = 2,
}
