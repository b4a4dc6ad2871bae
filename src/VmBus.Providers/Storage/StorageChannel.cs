using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>An open channel and its lane's way into the SCSI target.</summary>
internal sealed class StorageChannel(OpenChannel channel, ScsiTarget target, ScsiTargetQueue commands) : IStorageChannel
{
    public uint Id => channel.Id;

    public GuestMemory Memory => channel.Memory;

    public bool ExpectsCompletions
    {
        set => channel.ExpectsCompletions = value;
    }

    public bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
        => channel.TrySend(type, default, payload, transactionId);

    public void Resume() => channel.Resume();

    public void Touch() => channel.Touch();

    public void OfferSubchannels(int count) => channel.OfferSubchannels(count);

    public void Execute(ScsiRequest request) => commands.Execute(request);

    public void ResetTarget() => target.Reset();

    public void Post(Action work) => channel.Lane.Post(work);

    public void Closed()
    {
        commands.Dispose();
        channel.Closed();
    }
}
