namespace VmBus.Protocol.Exec;

/// <summary>What the host says. Any value may arrive. Source: protocol-spec/exec.md#frames-for-the-guest.</summary>
public enum GuestBoundFrame : byte
{
    /// <summary>The first frame: what to run (<see cref="ExecRequest"/>).</summary>
    Request = 1,

    /// <summary>Bytes for the command's input.</summary>
    Input = 2,

    /// <summary>The input ends. No payload.</summary>
    InputEnd = 3,

    /// <summary>A signal for the command (<see cref="ExecSignal"/>).</summary>
    Signal = 4,

    /// <summary>The terminal has another size (<see cref="ExecWindowSize"/>).</summary>
    WindowSize = 5,
}
