using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using VmBus.Management.MessagePack;
using VmBus.Management.Values;

namespace VmBus.Cli.Text;

/// <summary>Values of the control contract as JSON: what goes over the socket, key for key.</summary>
internal static class JsonText
{
    // Deeper than any value of the contract.
    private const int MaximumDepth = 32;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A value over several lines.</summary>
    public static string Of<T>(T value)
        where T : IControlValue<T> => Convert(value, null, Indented);

    /// <summary>An event in one line, its name first.</summary>
    public static string OfEvent(string name, ControlEvent fields) => Convert(fields, name, OneLine);

    private static string Convert<T>(T value, string? eventName, JsonWriterOptions options)
        where T : IControlValue<T>
    {
        var packed = new ArrayBufferWriter<byte>();
        var packer = new MessagePackWriter(packed);
        value.Write(ref packer);
        packer.Flush();
        var reader = new MessagePackReader(packed.WrittenMemory);
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, options)) Copy(ref reader, writer, eventName, 0);
        return Encoding.UTF8.GetString(text.WrittenSpan) + "\n";
    }

    private static void Copy(ref MessagePackReader reader, Utf8JsonWriter writer, string? eventName, int depth)
    {
        if (depth == MaximumDepth) throw new InvalidOperationException("A value of the contract is deeper than any should be.");
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Map:
                writer.WriteStartObject();
                if (eventName is not null) writer.WriteString("event", eventName);
                for (int left = reader.ReadMapHeader(); left > 0; left--)
                {
                    writer.WritePropertyName(reader.ReadString() ?? "");
                    Copy(ref reader, writer, null, depth + 1);
                }

                writer.WriteEndObject();
                break;
            case MessagePackType.Array:
                writer.WriteStartArray();
                for (int left = reader.ReadArrayHeader(); left > 0; left--) Copy(ref reader, writer, null, depth + 1);
                writer.WriteEndArray();
                break;
            case MessagePackType.String:
                writer.WriteStringValue(reader.ReadString());
                break;
            case MessagePackType.Boolean:
                writer.WriteBooleanValue(reader.ReadBoolean());
                break;
            case MessagePackType.Integer:
                writer.WriteNumberValue(reader.ReadInt64());
                break;
            case MessagePackType.Float:
                writer.WriteNumberValue(reader.ReadDouble());
                break;
            case MessagePackType.Binary:
                writer.WriteBase64StringValue((reader.ReadBytes() ?? default).Span);
                break;
            case MessagePackType.Nil:
                reader.Skip();
                writer.WriteNullValue();
                break;
            case MessagePackType.Unknown or MessagePackType.Extension:
                throw new InvalidOperationException("The contract has no extensions.");
        }
    }
}
