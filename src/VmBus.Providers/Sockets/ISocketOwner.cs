namespace VmBus.Providers.Sockets;

/// <summary>Who hears of the end of a connection.</summary>
internal interface ISocketOwner
{
    /// <summary>Both directions have ended, or the channel has closed. Called once, on any thread; does not block.</summary>
    void Ended();
}
