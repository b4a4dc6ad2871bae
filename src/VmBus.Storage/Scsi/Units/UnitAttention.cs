using System.Numerics;

namespace VmBus.Storage.Scsi.Units;

/// <summary>What happened to a logical unit that an initiator has not been told yet; the lowest bit is told first.</summary>
[Flags]
internal enum UnitAttention
{
    None = 0,
    BusReset = 1 << 0,
    MediumChanged = 1 << 1,
    ReservationsPreempted = 1 << 2,
    ReservationsReleased = 1 << 3,
    RegistrationsPreempted = 1 << 4,
    CapacityChanged = 1 << 5,
}

/// <summary>The sense data of unit attentions.</summary>
internal static class UnitAttentionExtensions
{
    /// <summary>The one to report first.</summary>
    internal static UnitAttention First(this UnitAttention pending) => (UnitAttention)(1 << BitOperations.TrailingZeroCount((int)pending));

    /// <summary>The sense code of a single attention.</summary>
    internal static SenseCode ToSense(this UnitAttention attention) => attention switch
    {
        UnitAttention.BusReset => new(6, 0x29, 0x02),
        UnitAttention.MediumChanged => new(6, 0x28, 0x00),
        UnitAttention.ReservationsPreempted => new(6, 0x2A, 0x03),
        UnitAttention.ReservationsReleased => new(6, 0x2A, 0x04),
        UnitAttention.RegistrationsPreempted => new(6, 0x2A, 0x05),
        UnitAttention.CapacityChanged => new(6, 0x2A, 0x09),
        _ => SenseCode.None,
    };
}
