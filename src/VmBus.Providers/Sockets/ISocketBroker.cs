namespace VmBus.Providers.Sockets;

/// <summary>Who brings connections about, and hears of what becomes of them. Any thread.</summary>
internal interface ISocketBroker
{
    /// <summary>The guest has opened one.</summary>
    void Opened(SocketConnection connection);

    /// <summary>The guest has not opened this one in time: give it up, or more time.</summary>
    void Expired(SocketConnection connection);

    /// <summary>One has ended. Called once for each; does not block.</summary>
    void Ended(SocketConnection connection, bool opened);
}
