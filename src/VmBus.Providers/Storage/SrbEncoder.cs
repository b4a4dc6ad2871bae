using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>Turns the outcome of a SCSI command into the answer's request block.</summary>
/// <remarks>
/// Every arm is a pair that guests are known to end a command with: Linux has no timeout for storage, and sends commands again for ever
/// on outcomes it does not expect. Source: protocol-spec/storage.md#request-outcomes.
/// </remarks>
internal static class SrbEncoder
{
    /// <summary>Writes the outcome of <paramref name="command"/> over its own request block.</summary>
    /// <returns>The status of the packet.</returns>
    public static StorageStatus Write(Span<byte> block, ScsiRequest command, uint requestedBytes)
    {
        uint moved = (uint)Math.Clamp(command.Transferred, 0, requestedBytes);
        if (command.NoSuchUnit)
        {
            ScsiRequestBlock.WriteOutcome(block, SrbStatus.InvalidLun, 0, 0, default);
            return StorageStatus.DeviceDoesNotExist;
        }

        switch (command.Status)
        {
            case ScsiStatus.Good:
                ScsiRequestBlock.WriteOutcome(block, SrbStatus.Success, 0, moved, default);
                return StorageStatus.Success;
            case ScsiStatus.CheckCondition:
                ScsiRequestBlock.WriteOutcome(block, SrbStatus.Error | SrbStatus.AutosenseValid, (byte)command.Status, moved, command.Sense);
                return StorageStatus.IoDeviceError;
            case ScsiStatus.Busy or ScsiStatus.TaskSetFull:
                ScsiRequestBlock.WriteOutcome(block, SrbStatus.Busy, (byte)command.Status, 0, default);
                return StorageStatus.DeviceBusy;
            case ScsiStatus.TaskAborted:
                ScsiRequestBlock.WriteOutcome(block, SrbStatus.Aborted, 0, 0, default);
                return StorageStatus.Cancelled;
            case ScsiStatus.ReservationConflict:
            default:
                // Guests know a reservation conflict by its SCSI status, whatever the code says.
                ScsiRequestBlock.WriteOutcome(block, SrbStatus.Error, (byte)command.Status, 0, default);
                return StorageStatus.IoDeviceError;
        }
    }

    /// <summary>Writes the outcome of a request that no command was made of.</summary>
    public static void WriteInvalid(Span<byte> block) => ScsiRequestBlock.WriteOutcome(block, SrbStatus.InvalidRequest, 0, 0, default);
}
