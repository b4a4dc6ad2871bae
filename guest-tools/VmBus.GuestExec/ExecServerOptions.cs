using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>How the exec service serves.</summary>
public sealed record ExecServerOptions
{
    /// <summary>The port that it listens on.</summary>
    public uint Port { get; init; } = ExecProtocol.Port;

    /// <summary>Commands at a time: each has a thread and about half a MiB of buffers. More are refused with <see cref="ExecErrorCode.Busy"/>.</summary>
    public int MaximumCommands { get; init; } = 32;

    /// <summary>How long a connection may take to say what it wants.</summary>
    public TimeSpan RequestLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the group of a command whose connection is gone has after SIGHUP, until SIGKILL.</summary>
    public TimeSpan HangUpLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Takes a line about a command that begins or ends. On any thread; does not block for long.</summary>
    public Action<string> Say { get; init; } = static _ => { };

    /// <summary>Takes a line about a connection that was refused. As <see cref="Say"/>.</summary>
    public Action<string> Warn { get; init; } = static _ => { };
}
