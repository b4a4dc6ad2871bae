using VmBus.Protocol.Channel;

namespace VmBus.Bus.Ports;

/// <summary>Takes the guest's requests to connect a socket to a service of the host.</summary>
/// <remarks>Called on the control lane only. Source: protocol-spec/channel.md#sockets.</remarks>
public interface IConnectPort
{
    /// <summary>
    /// Takes a request. A success is told to the guest by offering a device whose type is the service and whose instance is the guest's
    /// endpoint; a later failure by <see cref="VmBusServer.RefuseConnect"/>.
    /// </summary>
    /// <returns>False when nobody listens on that service, or too many requests are pending: refused at once.</returns>
    bool TryConnect(in TlConnectRequest request);
}
