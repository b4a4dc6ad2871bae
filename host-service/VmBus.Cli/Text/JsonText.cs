using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>Values of the control contract as JSON texts.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value over several lines.</summary>
    public static string Of<T>(T value)
        where T : IControlValue<T> => Convert(value, null, Indented);

    /// <summary>An event in one line, its name first.</summary>
    public static string OfEvent(string name, ControlEvent fields) => Convert(fields, ("event", name), OneLine);

    /// <summary>All partitions of a service: for each <c>status</c> and <c>report</c>.</summary>
    public static string Of(IReadOnlyList<PartitionLook> looks)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, Indented))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("partitions");
            foreach (PartitionLook look in looks)
            {
                writer.WriteStartObject();
                writer.WritePropertyName("status");
                ValueJson.Write(writer, look.Status);
                writer.WritePropertyName("report");
                if (look.Report is { } report) ValueJson.Write(writer, report);
                else writer.WriteNullValue();
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.WrittenSpan) + "\n";
    }

    private static string Convert<T>(T value, (string Key, string Value)? first, JsonWriterOptions options)
        where T : IControlValue<T>
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, options)) ValueJson.Write(writer, value, first);
        return Encoding.UTF8.GetString(text.WrittenSpan) + "\n";
    }
}
