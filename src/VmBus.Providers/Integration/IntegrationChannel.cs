using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Integration;

/// <summary>An open channel of the bus.</summary>
internal sealed class IntegrationChannel(OpenChannel channel) : IIntegrationChannel
{
    public uint Id => channel.Id;

    public bool TrySend(ReadOnlySpan<byte> payload, ulong transactionId) => channel.TrySend(PacketType.DataInband, [], payload, transactionId);

    public void Post(Action work) => channel.Lane.Post(work);

    public void Closed() => channel.Closed();
}
