using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using VmBus.Host.Images;

namespace VmBus.Cli.Images;

/// <summary>Boot entries in words.</summary>
internal static class BootEntryText
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A table; the default has a star.</summary>
    public static string List(IReadOnlyList<BootEntry> entries)
    {
        int width = entries.Count == 0 ? 5 : Math.Clamp(entries.Max(static entry => entry.Title.Length), 5, 100);
        var text = new StringBuilder($"  N  {"TITLE".PadRight(width)}  KERNEL\n");
        for (int i = 0; i < entries.Count; i++)
        {
            (string device, string path) = Place(entries[i].Kernel);
            text.Append(CultureInfo.InvariantCulture, $"{(entries[i].IsDefault ? '*' : ' ')}{i,2}  {entries[i].Title.PadRight(width)}  {path} on {device}\n");
        }

        return text.ToString();
    }

    /// <summary>A list of objects.</summary>
    public static string Json(IReadOnlyList<BootEntry> entries)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, Indented))
        {
            writer.WriteStartArray();
            for (int i = 0; i < entries.Count; i++) Write(writer, i, entries[i]);
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(text.WrittenSpan) + "\n";
    }

    private static void Write(Utf8JsonWriter writer, int number, BootEntry entry)
    {
        (string device, string kernel) = Place(entry.Kernel);
        writer.WriteStartObject();
        writer.WriteNumber("number", number);
        writer.WriteBoolean("default", entry.IsDefault);
        writer.WriteString("id", entry.Id);
        writer.WriteString("title", entry.Title);
        writer.WriteString("configuration", entry.Reader);
        writer.WriteString("partition", device);
        writer.WriteString("kernel", kernel);
        writer.WriteStartArray("initrds");
        foreach (string initrd in entry.Initrds.Split(' ', StringSplitOptions.RemoveEmptyEntries)) writer.WriteStringValue(Place(initrd).Path);
        writer.WriteEndArray();
        writer.WriteString("options", entry.Options);
        writer.WriteEndObject();
    }

    // The loader's /fs/PARTITION/path.
    private static (string Device, string Path) Place(string file)
    {
        string[] parts = file.Split('/', 4);
        return parts is ["", "fs", var device, var path] ? (device, $"/{path}") : ("?", file);
    }
}
