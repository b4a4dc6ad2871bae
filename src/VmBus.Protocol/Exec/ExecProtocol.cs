namespace VmBus.Protocol.Exec;

/// <summary>Numbers of the exec service: commands of the host that run in the guest, each over a Hyper-V socket of its own. Source: protocol-spec/exec.md.</summary>
public static class ExecProtocol
{
    /// <summary>The guest's port. Below 1024, so that no program of the guest without privileges can listen there in the service's place.</summary>
    public const int Port = 512;

    /// <summary>The version that this code speaks.</summary>
    public const int Version = 1;

    /// <summary>Bytes of the longest payload of a frame; bounds what either side keeps for the other.</summary>
    public const int MaximumPayloadBytes = 65536;

    /// <summary>
    /// Bytes of input that the host may have sent and the command not taken. The guest has room for as many, so that it always goes on to read, and a signal
    /// never waits behind input that the command does not want.
    /// </summary>
    public const int InputWindowBytes = 262144;

    /// <summary>Bytes of the longest text of an error.</summary>
    public const int MaximumTextBytes = 1024;

    /// <summary>The highest number of a signal that may have ended a command.</summary>
    public const int HighestSignal = 64;
}
