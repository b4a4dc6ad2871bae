using VmBus.Native.Linux;

namespace VmBus.Bus.Ports;

/// <summary>Carries the guest's channel signals to the host: HVCALL_SIGNAL_EVENT on a connection id becomes an eventfd write.</summary>
/// <remarks>Called on the control lane only. Source: protocol-spec/synic.md#signals.</remarks>
public interface IEventPort
{
    /// <summary>Lets signals on <paramref name="connectionId"/> reach <paramref name="kick"/>.</summary>
    /// <returns>False when the kernel refuses; the channel cannot be opened then.</returns>
    bool TryBind(uint connectionId, EventFd kick);

    /// <summary>Ends what <see cref="TryBind"/> began. Unknown ids are ignored.</summary>
    void Unbind(uint connectionId);
}
