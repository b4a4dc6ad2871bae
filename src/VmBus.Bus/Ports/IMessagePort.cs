namespace VmBus.Bus.Ports;

/// <summary>Carries channel messages from the host to the guest, in order, through the message page of one virtual processor.</summary>
/// <remarks>Called on the control lane only. Source: protocol-spec/synic.md#messages.</remarks>
public interface IMessagePort
{
    /// <summary>Chooses the virtual processor that receives messages from now on: the target of INITIATE_CONTACT.</summary>
    void SetTarget(uint virtualProcessor);

    /// <summary>Queues one message of at most 240 bytes; it is delivered as soon as the slot before it is free.</summary>
    void Post(ReadOnlySpan<byte> message);

    /// <summary>
    /// Messages that wait for the guest to empty its slot. May be read from any thread. While it is high the bus refuses what the guest posts,
    /// so a guest that does not read its answers cannot make them pile up.
    /// </summary>
    int Queued => 0;

    /// <summary>Drops every queued message that has not reached the guest: the connection they belong to is gone.</summary>
    void Clear();
}
