namespace VmBus.GuestTools.Daemon;

/// <summary>Answers what one of hv_utils' devices asks. One thread calls.</summary>
/// <remarks>Source: protocol-spec/integration-data.md#daemons.</remarks>
internal interface IRequestHandler
{
    /// <summary>What is written to register.</summary>
    ReadOnlyMemory<byte> Registration { get; }

    /// <summary>Most bytes that a request has.</summary>
    int MaximumRequestBytes { get; }

    /// <summary>After so long <see cref="Expire"/> is called unless a request comes before; null for never.</summary>
    TimeSpan? TimeLeft { get; }

    /// <summary>Carries a request out.</summary>
    /// <param name="request">The request; may be changed.</param>
    /// <returns>The whole answer.</returns>
    ReadOnlyMemory<byte> Answer(Memory<byte> request);

    /// <summary>The answer has been given to the kernel.</summary>
    void Answered();

    /// <summary>The time is over.</summary>
    void Expire();

    /// <summary>The host has gone, or this program ends: whatever was begun is undone.</summary>
    void Close();
}
