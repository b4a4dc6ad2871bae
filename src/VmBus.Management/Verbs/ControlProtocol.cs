using VmBus.Management.Values;

namespace VmBus.Management.Verbs;

/// <summary>What every server has, whatever it serves. Source: protocol-spec/control.md#connection.</summary>
public static class ControlProtocol
{
    /// <summary>The oldest version that this code speaks.</summary>
    public const int LeastVersion = 1;

    /// <summary>The newest version that this code speaks.</summary>
    public const int MostVersion = 1;

    /// <summary>The environment variable that names a socket where the command line does not.</summary>
    public const string SocketVariable = "VMBUS_CONTROL";

    /// <summary>The environment variable that names the service's socket where the command line does not.</summary>
    public const string ServiceVariable = "VMBUS_SERVICE";

    /// <summary>The first request of a connection.</summary>
    public static ControlVerb<HelloRequest, HelloReply> Hello { get; } = new("hello");

    /// <summary>From now on events come on this connection, beside the answers to its requests.</summary>
    public static ControlVerb<NoValue, NoValue> FollowEvents { get; } = new("events.follow");

    /// <summary>The last request of a connection: after its answer the connection carries the console's bytes, both ways.</summary>
    public static ControlVerb<AttachRequest, AttachReply> AttachConsole { get; } = new("console.attach");

    /// <summary>The last request of a connection: after its answer the connection carries the bytes of the guest's exec service, both ways.</summary>
    public static ControlVerb<NoValue, NoValue> OpenExec { get; } = new("exec.open");

    /// <summary>The last request of a connection: after its answer the connection carries a trace of the bus (protocol-spec/trace.md).</summary>
    public static ControlVerb<TraceRequest, NoValue> OpenTrace { get; } = new("trace.open");
}
