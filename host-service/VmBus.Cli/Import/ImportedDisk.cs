using System.Text.Json;

namespace VmBus.Cli.Import;

/// <summary>A disk in the words of a definition.</summary>
/// <param name="Path">The image or block device.</param>
internal sealed record ImportedDisk(string Path)
{
    /// <summary>Format of the image.</summary>
    public string? Format { get; init; }

    /// <summary>Whether writes are refused.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether the host's page cache is used.</summary>
    public string? Cache { get; init; }

    /// <summary>What the guest reaches it by; null for the VMBus.</summary>
    public string? Bus { get; init; }

    /// <summary>Writes it.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("path", Path);
        ImportedPartition.WriteText(writer, "format", Format);
        if (ReadOnly) writer.WriteBoolean("readOnly", true);
        ImportedPartition.WriteText(writer, "cache", Cache);
        ImportedPartition.WriteText(writer, "bus", Bus);
        writer.WriteEndObject();
    }
}
