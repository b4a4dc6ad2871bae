namespace VmBus.Virtio.Remote;

/// <summary>Whoever drives a back-end's queues. Called on the back-end's thread; may wait for the back-end's answers and for lanes.</summary>
internal interface IBackEndUser
{
    /// <summary>The configuration space is another.</summary>
    void ConfigChanged();

    /// <summary>The back-end has gone, with what it had under way.</summary>
    /// <param name="mayReturn">Whether it is waited for.</param>
    void Lost(bool mayReturn);

    /// <summary>A back-end is there again, as new: nothing is set up.</summary>
    /// <exception cref="BackEndException">It has gone again.</exception>
    void Returned();
}
