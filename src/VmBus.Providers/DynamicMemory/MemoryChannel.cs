using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.DynamicMemory;

/// <summary>An open channel of the bus.</summary>
internal sealed class MemoryChannel(OpenChannel channel) : IMemoryChannel
{
    public uint Id => channel.Id;

    public bool TrySend(ReadOnlySpan<byte> message) => channel.TrySend(PacketType.DataInband, [], message, 0);

    public void Post(Action work) => channel.Lane.Post(work);

    public void Closed() => channel.Closed();
}
