using System.Globalization;
using System.Text;
using VmBus.Management.MessagePack;

namespace VmBus.Management.Tests.MessagePack;

/// <summary>Values in a text that this and <see cref="PythonMessagePack"/> write alike, so that two readers can be compared.</summary>
internal static class CanonicalText
{
    /// <summary>Reads one value whole.</summary>
    public static string Read(ref MessagePackReader reader)
    {
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Integer:
                return reader.NextCode == 0xCF ? reader.ReadUInt64().ToString(CultureInfo.InvariantCulture) : reader.ReadInt64().ToString(CultureInfo.InvariantCulture);
            case MessagePackType.Nil:
                reader.Skip();
                return "nil";
            case MessagePackType.Boolean:
                return reader.ReadBoolean() ? "true" : "false";
            case MessagePackType.Float:
                return "f" + BitConverter.DoubleToUInt64Bits(reader.ReadDouble()).ToString("x16", CultureInfo.InvariantCulture);
            case MessagePackType.String:
                return "s" + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(reader.ReadString()!));
            case MessagePackType.Binary:
                return "b" + Convert.ToHexStringLower(reader.ReadBytes()!.Value.Span);
            case MessagePackType.Array:
                var items = new List<string>();
                for (int left = reader.ReadArrayHeader(); left > 0; left--) items.Add(Read(ref reader));
                return $"[{string.Join(',', items)}]";
            case MessagePackType.Map:
                var pairs = new List<string>();
                for (int left = reader.ReadMapHeader(); left > 0; left--) pairs.Add($"{Read(ref reader)}={Read(ref reader)}");
                return $"{{{string.Join(',', pairs)}}}";
            default:
                throw new MessagePackSerializationException("Extensions are not compared.");
        }
    }
}
