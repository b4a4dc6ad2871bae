using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>
/// What an endpoint needs of its channel and of the SCSI target behind it: the open channel in a running partition, a script in tests,
/// which can so stop a command or fill a ring at any point. Used on the channel's lane, except <see cref="Post"/>.
/// </summary>
internal interface IStorageChannel
{
    /// <summary>The channel id, for logs.</summary>
    uint Id { get; }

    /// <summary>The guest's RAM.</summary>
    GuestMemory Memory { get; }

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.ExpectsCompletions"/>.</summary>
    bool ExpectsCompletions { set; }

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.TrySend"/>.</summary>
    bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId);

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.Resume"/>.</summary>
    void Resume();

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.Touch"/>.</summary>
    void Touch();

    /// <summary>See <see cref="VmBus.Bus.Devices.OpenChannel.OfferSubchannels"/>.</summary>
    void OfferSubchannels(int count);

    /// <summary>Starts a command; it completes now or later, on the lane.</summary>
    void Execute(ScsiRequest request);

    /// <summary>Has the target do what a reset does besides ending commands. Every command has ended.</summary>
    void ResetTarget();

    /// <summary>Runs control work on the lane, later. Any thread.</summary>
    void Post(Action work);

    /// <summary>The endpoint has stopped: closes the way to the target, then the channel.</summary>
    void Closed();
}
