using Microsoft.Extensions.Logging;
using VmBus.Bus.Tracing;
using VmBus.Control.Verbs;
using VmBus.Host.Consoles;
using VmBus.Management.Values;

namespace VmBus.Control.Server;

/// <summary>What a control server serves.</summary>
/// <param name="Name">What clients are told that answers them: program and version.</param>
/// <param name="Verbs">What can be asked.</param>
/// <param name="Events">What can be followed.</param>
/// <param name="Console">What can be attached to; null where there is no console.</param>
/// <param name="OpenExec">Connects to the guest's exec service, or says by an <see cref="IOException"/> why not, or by an <see cref="ObjectDisposedException"/> that the partition has ended; the connection is the caller's. Null where there is no guest.</param>
/// <param name="Limits">What clients may take.</param>
/// <param name="Logger">Where the server reports.</param>
public sealed record ControlServices(
    string Name, VerbTable Verbs, EventHub Events, SharedConsole? Console, Func<CancellationToken, Task<Stream>>? OpenExec, ControlLimits Limits, ILogger Logger)
{
    /// <summary>Traces the bus, or says by an <see cref="IOException"/> why not, or by an <see cref="ObjectDisposedException"/> that the partition has ended; the trace is the caller's. Null where there is no bus.</summary>
    public Func<TraceRequest, BusTrace>? OpenTrace { get; init; }
}
