namespace VmBus.GuestTools.Bench;

/// <summary>A way to the host whose other end answers everything with the same bytes. One thread.</summary>
internal interface IBenchLink : IDisposable
{
    /// <summary>What it goes over, for the report.</summary>
    string Name { get; }

    /// <summary>Sends 64 bytes and waits for the answer.</summary>
    /// <exception cref="ToolException">The host does not answer, or is gone.</exception>
    void RoundTrip();

    /// <summary>Sends as much as it can, and has the host take it without an answer.</summary>
    /// <param name="duration">For how long.</param>
    /// <returns>Bytes that the host has taken; null where everything is answered.</returns>
    /// <exception cref="ToolException">The host is gone.</exception>
    long? Send(TimeSpan duration);

    /// <summary>Sends as much as it can, and takes the answers.</summary>
    /// <param name="duration">For how long.</param>
    /// <returns>Bytes that came back.</returns>
    /// <exception cref="ToolException">The host is gone.</exception>
    long Echo(TimeSpan duration);
}
