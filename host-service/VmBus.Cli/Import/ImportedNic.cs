using System.Text.Json;

namespace VmBus.Cli.Import;

/// <summary>A network adapter in the words of a definition.</summary>
/// <param name="Kind">What its link is: <c>tap</c>, <c>bridge</c> or <c>user</c>.</param>
/// <param name="Link">Name of the interface or bridge; null for <c>user</c>.</param>
internal sealed record ImportedNic(string Kind, string? Link)
{
    /// <summary>Its Ethernet address.</summary>
    public string? Mac { get; init; }

    /// <summary>What the guest reaches it by; null for the VMBus.</summary>
    public string? Bus { get; init; }

    /// <summary>Most queues to use.</summary>
    public int? Queues { get; init; }

    /// <summary>Writes it.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        if (Link is null) writer.WriteBoolean(Kind, true);
        else writer.WriteString(Kind, Link);
        ImportedPartition.WriteText(writer, "mac", Mac);
        ImportedPartition.WriteText(writer, "bus", Bus);
        if (Queues is { } queues) writer.WriteNumber("queues", queues);
        writer.WriteEndObject();
    }
}
