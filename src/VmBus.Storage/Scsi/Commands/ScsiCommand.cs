namespace VmBus.Storage.Scsi.Commands;

/// <summary>Starts a command. It ends the task, or has a disk operation under way when it returns.</summary>
internal delegate void CommandHandler(ScsiTask task);

/// <summary>What a command does to a reservation's holder; decides whether others may use it. Source: SPC-4 table 65, SBC-3 table 10.</summary>
internal enum CommandAccess
{
    /// <summary>Never conflicts.</summary>
    Free,

    /// <summary>Conflicts with RESERVE of another initiator, not with persistent reservations.</summary>
    Probe,

    /// <summary>Reads: conflicts with exclusive access.</summary>
    Read,

    /// <summary>Changes something: conflicts with every reservation of others.</summary>
    Write,
}

/// <summary>What is checked before a command's handler runs.</summary>
[Flags]
internal enum CommandNeeds
{
    None = 0,

    /// <summary>2/3A when there is no medium.</summary>
    Medium = 1,

    /// <summary>7/27 when the medium is read-only.</summary>
    WritableMedium = 2,

    /// <summary>Runs although a unit attention waits to be told.</summary>
    IgnoresAttention = 4,
}

/// <summary>One row of the command table.</summary>
/// <param name="Opcode">First byte of the CDB.</param>
/// <param name="ServiceAction">Low five bits of the second byte, or null where the opcode alone names the command.</param>
/// <param name="Name">The name in the standard.</param>
/// <param name="Usage">The bits of the CDB that are looked at, as REPORT SUPPORTED OPERATION CODES gives them; as long as the CDB.</param>
/// <param name="Access">For reservations.</param>
/// <param name="Needs">For the checks before.</param>
/// <param name="Handler">What it does.</param>
internal sealed record ScsiCommand(
    byte Opcode, byte? ServiceAction, string Name, byte[] Usage, CommandAccess Access, CommandNeeds Needs, CommandHandler Handler)
{
    /// <summary>Length of the CDB.</summary>
    internal int CdbBytes => Usage.Length;


    /// <summary>What this command does to a reservation's holder.</summary>
    internal CommandAccess AccessOf(ReadOnlySpan<byte> cdb) => Opcode switch
    {
        // Starting a unit and allowing removal help everyone; stopping and preventing do not.
        ScsiOpcode.StartStopUnit => (cdb[4] & 0xF3) == 0x01 ? CommandAccess.Probe : Access,
        ScsiOpcode.PreventAllowMediumRemoval => (cdb[4] & 0x03) == 0 ? CommandAccess.Free : Access,
        _ => Access,
    };
}
