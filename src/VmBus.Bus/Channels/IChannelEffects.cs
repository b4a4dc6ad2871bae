using VmBus.Protocol.Channel;

namespace VmBus.Bus.Channels;

/// <summary>What the channel server does to the world. It calls these after its own state is consistent; none may call back into it.</summary>
internal interface IChannelEffects
{
    /// <summary>Sends one message to the guest.</summary>
    void Send(ReadOnlySpan<byte> message);

    /// <summary>From now on messages go to this virtual processor.</summary>
    void SetMessageProcessor(uint virtualProcessor);

    /// <summary>The guest signals channels that have a monitor id by this page of its RAM; 0 for none. Nothing looks at the page before from now on.</summary>
    void SetMonitorPage(ulong page);

    /// <summary>Drops messages that have not reached the guest.</summary>
    void DropMessages();

    /// <summary>Starts serving a channel; answered once by <see cref="ChannelServer.OpenCompleted"/>.</summary>
    void Open(ChannelStart start);

    /// <summary>Stops serving a channel that was started; answered once by <see cref="ChannelServer.CloseCompleted"/>.</summary>
    void Close(uint channelId);

    /// <summary>
    /// Moves a channel's interrupts; answered once by <see cref="ChannelServer.RetargetCompleted"/>, before any answer to a later Close.
    /// </summary>
    void Retarget(uint channelId, uint virtualProcessor);

    /// <summary>The guest asks for memory back that a device uses; answered by <see cref="ChannelServer.ReleaseGpadl"/> or the channel's end.</summary>
    void WantGpadl(uint channelId, uint gpadlId);

    /// <summary>Offers a socket connection to whoever serves sockets. False when nobody listens.</summary>
    bool TryConnect(in TlConnectRequest request);

    /// <summary>A message of the guest had no effect.</summary>
    void Refused(Refusal reason, uint messageNumber, uint channelId);

    /// <summary>Nothing of a removed device runs any more.</summary>
    void DeviceStopped(uint primaryId);

    /// <summary>What <see cref="ChannelServer.Reset"/> asked for is done.</summary>
    void ResetCompleted();

    /// <summary>The connection was made or has ended (null).</summary>
    void ConnectionChanged(ProtocolVersion? version);
}
