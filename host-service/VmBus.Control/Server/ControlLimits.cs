namespace VmBus.Control.Server;

/// <summary>What clients may take of the process that serves them. The defaults are those of protocol-spec/control.md#limits.</summary>
public sealed record ControlLimits
{
    /// <summary>Connections at a time: as many commands as a guest runs, and some operators and scripts beside them, each with an event stream and a console.</summary>
    public int Connections { get; init; } = 64;

    /// <summary>Requests of one connection that run at a time; more are read when one of them has ended.</summary>
    public int RequestsPerConnection { get; init; } = 8;

    /// <summary>Requests of all connections that run at a time: each may block a thread.</summary>
    public int Requests { get; init; } = 16;

    /// <summary>Events that wait for one client; later ones are counted and dropped.</summary>
    public int WaitingEvents { get; init; } = 256;

    /// <summary>How long a message may take from its first byte to its last, and the first message to begin.</summary>
    public TimeSpan MessageTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a client may take to read a message: its connection ends when it does not.</summary>
    public TimeSpan SendTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the end of the server waits for clients to read what is on its way to them.</summary>
    public TimeSpan FarewellTime { get; init; } = TimeSpan.FromSeconds(2);
}
