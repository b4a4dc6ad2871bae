namespace VmBus.Protocol.Exec;

/// <summary>What the guest says. Any value may arrive. Source: protocol-spec/exec.md#frames-for-the-host.</summary>
public enum HostBoundFrame : byte
{
    /// <summary>The command runs (<see cref="ExecStarted"/>).</summary>
    Started = 129,

    /// <summary>Bytes of the command's output, or of its terminal.</summary>
    Output = 130,

    /// <summary>Bytes of the command's error output.</summary>
    ErrorOutput = 131,

    /// <summary>The command has taken input, so there is room for more (<see cref="ExecInputTaken"/>).</summary>
    InputTaken = 132,

    /// <summary>The last frame: the command has ended by itself (<see cref="ExecExited"/>).</summary>
    Exited = 133,

    /// <summary>The last frame: a signal has ended the command (<see cref="ExecKilled"/>).</summary>
    Killed = 134,

    /// <summary>The last frame: the command was not started, or the host is not understood (<see cref="ExecError"/>).</summary>
    Error = 135,
}
