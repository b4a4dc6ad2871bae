using System.Buffers.Binary;
using VmBus.Native.Linux;

namespace VmBus.Storage.Scsi;

/// <summary>Why a command failed: sense key, additional sense code and its qualifier.</summary>
/// <remarks>Source: SPC-4, 4.5 and annex D; protocol-spec/scsi.md#sense.</remarks>
internal readonly record struct SenseCode(byte Key, byte Code, byte Qualifier)
{
    internal static SenseCode None => default;

    internal static SenseCode NoMediumTrayClosed => new(2, 0x3A, 0x01);

    internal static SenseCode NoMediumTrayOpen => new(2, 0x3A, 0x02);

    internal static SenseCode NotReady => new(2, 0x04, 0x00);

    internal static SenseCode WriteError => new(3, 0x0C, 0x00);

    internal static SenseCode UnrecoveredReadError => new(3, 0x11, 0x00);

    internal static SenseCode ParameterListLength => new(5, 0x1A, 0x00);

    internal static SenseCode InvalidOpcode => new(5, 0x20, 0x00);

    internal static SenseCode BlockOutOfRange => new(5, 0x21, 0x00);

    internal static SenseCode InvalidFieldInCdb => new(5, 0x24, 0x00);

    internal static SenseCode UnitNotSupported => new(5, 0x25, 0x00);

    internal static SenseCode InvalidFieldInParameterList => new(5, 0x26, 0x00);

    internal static SenseCode InvalidRelease => new(5, 0x26, 0x04);

    internal static SenseCode SavingNotSupported => new(5, 0x39, 0x00);

    internal static SenseCode RemovalPrevented => new(5, 0x53, 0x02);

    internal static SenseCode NoRegistrationResources => new(5, 0x55, 0x04);

    internal static SenseCode IncompatibleFormat => new(5, 0x30, 0x02);

    internal static SenseCode WriteProtected => new(7, 0x27, 0x00);

    internal static SenseCode SpaceAllocationFailed => new(7, 0x27, 0x07);

    internal static SenseCode InternalFailure => new(0x0B, 0x44, 0x00);

    internal static SenseCode CommandAborted => new(0x0B, 0x00, 0x06);

    internal static SenseCode Miscompare => new(0x0E, 0x1D, 0x00);

    /// <summary>What a failed disk operation is reported as.</summary>
    /// <param name="result">The negative errno.</param>
    /// <param name="writing">Whether the medium was being changed.</param>
    internal static SenseCode FromErrno(int result, bool writing) => -result switch
    {
        Errno.ENOSPC when writing => SpaceAllocationFailed,
        Errno.EROFS or Errno.EPERM or Errno.EACCES when writing => WriteProtected,
        Errno.ENOMEM or Errno.EAGAIN => InternalFailure,
        Errno.ENODEV or Errno.ENXIO => NotReady,
        Errno.ECANCELED => CommandAborted,
        Errno.EOPNOTSUPP => InvalidOpcode,
        _ => writing ? WriteError : UnrecoveredReadError,
    };

    /// <summary>Writes fixed-format sense data of <see cref="ScsiRequest.SenseBytes"/> bytes.</summary>
    /// <param name="sense">Where to.</param>
    /// <param name="information">The INFORMATION field, or null when there is none.</param>
    internal void Write(Span<byte> sense, uint? information = null)
    {
        sense[..ScsiRequest.SenseBytes].Clear();
        sense[0] = (byte)(information is null ? 0x70 : 0xF0);
        sense[2] = Key;
        if (information is { } value) BinaryPrimitives.WriteUInt32BigEndian(sense[3..], value);
        sense[7] = ScsiRequest.SenseBytes - 8;
        sense[12] = Code;
        sense[13] = Qualifier;
    }
}
