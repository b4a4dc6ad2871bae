using static VmBus.Storage.Scsi.Commands.CommandAccess;
using static VmBus.Storage.Scsi.Commands.CommandNeeds;
using static VmBus.Storage.Scsi.Commands.DiskCommands;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>What a CD/DVD drive answers. The table in protocol-spec/scsi.md#dvd-commands is held against this one.</summary>
internal static class DvdCommands
{
    private static readonly byte[] SharedWithDisks =
    [
        ScsiOpcode.TestUnitReady, ScsiOpcode.RequestSense, ScsiOpcode.Inquiry, ScsiOpcode.ModeSelect6, ScsiOpcode.Reserve6,
        ScsiOpcode.Release6, ScsiOpcode.ModeSense6, ScsiOpcode.StartStopUnit, ScsiOpcode.PreventAllowMediumRemoval,
        ScsiOpcode.ReadCapacity10, ScsiOpcode.Read10, ScsiOpcode.Verify10, ScsiOpcode.SynchronizeCache10, ScsiOpcode.ModeSelect10,
        ScsiOpcode.Reserve10, ScsiOpcode.Release10, ScsiOpcode.ModeSense10, ScsiOpcode.ReportLuns, ScsiOpcode.MaintenanceIn,
        ScsiOpcode.Read12,
    ];

    /// <summary>All rows in ascending order.</summary>
    internal static IReadOnlyList<ScsiCommand> All { get; } =
    [
        .. DiskCommands.All.Where(command => SharedWithDisks.Contains(command.Opcode)).Concat(
        [
            new(ScsiOpcode.Seek10, null, "SEEK (10)", Cdb("2B 00 FF FF FF FF 00 00 00 04"), Probe, Medium, DiscInformation.Seek),
            new(ScsiOpcode.ReadToc, null, "READ TOC/PMA/ATIP", Cdb("43 02 0F 00 00 00 FF FF FF C4"), Read, Medium, DiscInformation.ReadToc),
            new(ScsiOpcode.GetConfiguration, null, "GET CONFIGURATION",
                Cdb("46 03 FF FF 00 00 00 FF FF 04"), Free, IgnoresAttention, DriveFeatures.GetConfiguration),
            new(ScsiOpcode.GetEventStatusNotification, null, "GET EVENT STATUS NOTIFICATION",
                Cdb("4A 01 00 00 FF 00 00 FF FF 04"), Free, IgnoresAttention, DriveFeatures.GetEventStatus),
            new(ScsiOpcode.ReadDiscInformation, null, "READ DISC INFORMATION",
                Cdb("51 07 00 00 00 00 00 FF FF 04"), Read, Medium, DiscInformation.ReadDiscInformation),
            new(ScsiOpcode.ReadTrackInformation, null, "READ TRACK INFORMATION",
                Cdb("52 03 FF FF FF FF 00 FF FF 04"), Read, Medium, DiscInformation.ReadTrackInformation),
            new(ScsiOpcode.ReadDvdStructure, null, "READ DVD STRUCTURE",
                Cdb("AD 00 FF FF FF FF FF FF FF FF 00 04"), Read, Medium, DiscInformation.ReadDvdStructure),
            new(ScsiOpcode.SetCdSpeed, null, "SET CD SPEED",
                Cdb("BB 00 FF FF FF FF 00 00 00 00 00 04"), Probe, None, DriveFeatures.SetSpeed),
            new(ScsiOpcode.MechanismStatus, null, "MECHANISM STATUS",
                Cdb("BD 00 00 00 00 00 00 00 FF FF 00 04"), Probe, None, DriveFeatures.MechanismStatus),
        ]).OrderBy(command => command.Opcode),
    ];
}
