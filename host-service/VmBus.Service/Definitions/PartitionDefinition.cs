namespace VmBus.Service.Definitions;

/// <summary>A partition as its file describes it.</summary>
/// <param name="Name">Its name: that of the file, without .json.</param>
/// <param name="Text">The file's text.</param>
internal sealed record PartitionDefinition(string Name, string Text)
{
    /// <summary>Seconds that the guest gets to power off where the definition does not say.</summary>
    public const int DefaultStopSeconds = 30;

    /// <summary>Options of <c>vmbus run</c> that make this partition.</summary>
    public required IReadOnlyList<string> Options { get; init; }

    /// <summary>Virtual processors.</summary>
    public required int Processors { get; init; }

    /// <summary>Its network adapters in the words of <c>--nic</c>.</summary>
    public IEnumerable<string> Nics => Options.Zip(Options.Skip(1)).Where(static pair => pair.First == "--nic").Select(static pair => pair.Second);

    /// <summary>RAM, as <c>--memory</c> takes it.</summary>
    public required string Memory { get; init; }

    /// <summary>How long the guest gets to power off.</summary>
    public required TimeSpan StopTimeout { get; init; }

    /// <summary>Whether its worker may start passt while it opens what it is made of, which needs more than a worker itself.</summary>
    public required bool StartsPasst { get; init; }

    /// <summary>What follows an end that nobody has asked for.</summary>
    public required RestartPolicy Restart { get; init; }

    /// <summary>Whether it is started with the service.</summary>
    public required bool Autostart { get; init; }
}
