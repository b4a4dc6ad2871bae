namespace VmBus.Client.Channels;

/// <summary>How a client behaves.</summary>
public sealed record ClientOptions
{
    /// <summary>How long it waits for an answer, and for the host to take a message.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The virtual processor that messages go to.</summary>
    public uint MessageProcessor { get; init; }

    /// <summary>Who the client is, where the host has the feature for it.</summary>
    public Guid ClientId { get; init; }

    /// <summary>The handle of the first GPADL; each gets the next. Linux begins here too.</summary>
    public uint FirstGpadlId { get; init; } = 0xE1E10;
}
