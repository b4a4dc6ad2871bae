using System.Diagnostics.CodeAnalysis;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>The commands of one kind of logical unit, by operation code and service action.</summary>
internal sealed class CommandTable
{
    private const int ServiceActions = 32;

    private static readonly CommandTable Disk = new(DiskCommands.All);
    private static readonly CommandTable Dvd = new(DvdCommands.All);

    private readonly ScsiCommand?[] _byOpcode = new ScsiCommand?[256];
    private readonly ScsiCommand?[]?[] _byServiceAction = new ScsiCommand?[256][];

    private CommandTable(IReadOnlyList<ScsiCommand> commands)
    {
        Commands = commands;
        foreach (ScsiCommand command in commands)
        {
            if (command.ServiceAction is not { } action) _byOpcode[command.Opcode] = command;
            else (_byServiceAction[command.Opcode] ??= new ScsiCommand?[ServiceActions])[action] = command;
        }
    }

    /// <summary>All rows, by operation code and service action.</summary>
    internal IReadOnlyList<ScsiCommand> Commands { get; }

    /// <summary>The table of a kind of unit.</summary>
    internal static CommandTable Of(ScsiUnitKind kind) => kind == ScsiUnitKind.Dvd ? Dvd : Disk;

    /// <summary>Whether an operation code has service actions.</summary>
    internal bool HasServiceActions(byte opcode) => _byServiceAction[opcode] is not null;

    /// <summary>The command of an operation code and, where it has them, service action.</summary>
    internal ScsiCommand? Find(byte opcode, int serviceAction) =>
        _byServiceAction[opcode] is { } actions ? actions[serviceAction & (ServiceActions - 1)] : _byOpcode[opcode];

    /// <summary>Finds the command of a CDB.</summary>
    /// <returns>False with the reason when there is none.</returns>
    internal bool TryFind(ReadOnlySpan<byte> cdb, [NotNullWhen(true)] out ScsiCommand? command, out SenseCode unknown)
    {
        command = Find(cdb[0], cdb[1]);
        // The commands of SERVICE ACTION IN and MAINTENANCE IN are optional one by one, and initiators take 5/20 to mean that; the service
        // actions of a persistent reservation command belong together, there an unknown one is a bad field.
        unknown = HasServiceActions(cdb[0]) && cdb[0] is ScsiOpcode.PersistentReserveIn or ScsiOpcode.PersistentReserveOut
            ? SenseCode.InvalidFieldInCdb
            : SenseCode.InvalidOpcode;
        return command is not null;
    }
}
