using System.Buffers;
using System.Text.Json;
using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>Values of the control contract as JSON: what goes over the socket, key for key.</summary>
public static class ValueJson
{
    // Deeper than any value of the contract.
    private const int MaximumDepth = 32;

    /// <summary>Writes a value.</summary>
    /// <param name="writer">Gets it.</param>
    /// <param name="value">The value.</param>
    /// <param name="first">A pair that comes before the value's own; null for none.</param>
    public static void Write<T>(Utf8JsonWriter writer, T value, (string Key, string Value)? first = null)
        where T : IControlValue<T>
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        var packed = new ArrayBufferWriter<byte>();
        var packer = new MessagePackWriter(packed);
        value.Write(ref packer);
        packer.Flush();
        var reader = new MessagePackReader(packed.WrittenMemory);
        Copy(ref reader, writer, first, 0);
    }

    private static void Copy(ref MessagePackReader reader, Utf8JsonWriter writer, (string Key, string Value)? first, int depth)
    {
        if (depth == MaximumDepth) throw new InvalidOperationException("A value of the contract is deeper than any should be.");
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Map:
                writer.WriteStartObject();
                if (first is { } pair) writer.WriteString(pair.Key, pair.Value);
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
