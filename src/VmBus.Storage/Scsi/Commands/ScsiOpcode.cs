namespace VmBus.Storage.Scsi.Commands;

/// <summary>Operation codes, by the names of SPC-4, SBC-3 and MMC-6.</summary>
internal static class ScsiOpcode
{
    internal const byte TestUnitReady = 0x00;
    internal const byte RequestSense = 0x03;
    internal const byte Read6 = 0x08;
    internal const byte Write6 = 0x0A;
    internal const byte Inquiry = 0x12;
    internal const byte ModeSelect6 = 0x15;
    internal const byte Reserve6 = 0x16;
    internal const byte Release6 = 0x17;
    internal const byte ModeSense6 = 0x1A;
    internal const byte StartStopUnit = 0x1B;
    internal const byte PreventAllowMediumRemoval = 0x1E;
    internal const byte ReadCapacity10 = 0x25;
    internal const byte Read10 = 0x28;
    internal const byte Write10 = 0x2A;
    internal const byte Seek10 = 0x2B;
    internal const byte WriteAndVerify10 = 0x2E;
    internal const byte Verify10 = 0x2F;
    internal const byte Prefetch10 = 0x34;
    internal const byte SynchronizeCache10 = 0x35;
    internal const byte WriteSame10 = 0x41;
    internal const byte Unmap = 0x42;
    internal const byte ReadToc = 0x43;
    internal const byte GetConfiguration = 0x46;
    internal const byte GetEventStatusNotification = 0x4A;
    internal const byte ReadDiscInformation = 0x51;
    internal const byte ReadTrackInformation = 0x52;
    internal const byte ModeSelect10 = 0x55;
    internal const byte Reserve10 = 0x56;
    internal const byte Release10 = 0x57;
    internal const byte ModeSense10 = 0x5A;
    internal const byte ReadBufferCapacity = 0x5C;
    internal const byte PersistentReserveIn = 0x5E;
    internal const byte PersistentReserveOut = 0x5F;
    internal const byte Read16 = 0x88;
    internal const byte CompareAndWrite = 0x89;
    internal const byte Write16 = 0x8A;
    internal const byte WriteAndVerify16 = 0x8E;
    internal const byte Verify16 = 0x8F;
    internal const byte Prefetch16 = 0x90;
    internal const byte SynchronizeCache16 = 0x91;
    internal const byte WriteSame16 = 0x93;
    internal const byte ServiceActionIn16 = 0x9E;
    internal const byte ReportLuns = 0xA0;
    internal const byte MaintenanceIn = 0xA3;
    internal const byte Read12 = 0xA8;
    internal const byte Write12 = 0xAA;
    internal const byte GetPerformance = 0xAC;
    internal const byte ReadDvdStructure = 0xAD;
    internal const byte WriteAndVerify12 = 0xAE;
    internal const byte Verify12 = 0xAF;
    internal const byte SetCdSpeed = 0xBB;
    internal const byte MechanismStatus = 0xBD;
}
