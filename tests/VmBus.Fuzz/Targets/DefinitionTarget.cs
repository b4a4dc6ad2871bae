using System.Globalization;
using System.Text;
using System.Text.Json;
using VmBus.Fuzz.Engine;
using VmBus.Service.Definitions;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Definitions of partitions: JSON of any keys and values, and texts that are none. What is taken is taken again the same, and what is not is told line by line.</summary>
internal sealed class DefinitionTarget : IFuzzTarget
{
    private static readonly string[] Keys = [.. KeysOf(DefinitionReader.Schema).Distinct(StringComparer.Ordinal), "unknown", "ker\\u006eel", "\\ud800"];

    private static readonly string[] Values =
    [
        "\"/k\"", "\"/images/a,b.img\"", "true", "false", "null", "1", "512", "512.0", "5.12e2", "64", "-1", "1e999", "99999999999999999999", "\"1G\"", "\"4096M\"", "\"none\"", "\"file:/var/log/x\"", "\"qcow2\"", "\"direct\"",
        "\"virtio\"", "\"02:00:00:00:00:01\"", "\"br0\"", "\"5.3\"", "\"on-crash\"", "\"\\ud800\"", "\"\\u0000\"", "\"/a\\nb\"", "\"\"", "[]", "{}", "[\"shutdown\",\"kvp\"]", "\"--kernel\"", "\"data\"", "3600",
    ];

    public string Name => "definition";

    public string What => "definitions of partitions";

    public IEnumerable<byte[]> Seeds =>
    [
        [0, .. """{"kernel":"/k","cpus":4,"disks":[{"path":"/a","sector":4096}],"nics":[{"user":true}],"autostart":true}"""u8],
        [1, 1, 0, 1, 9, 2, 3, 0, 1, 13, 0, 3, 0, 1, 13], [1, 2, 9, 3, 0, 1, 1, 1, 17, 2, 0], [2, 255, 3, 1, 1, 0], [1, 0, 1, 0, 0, 22, 1, 23],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        bool isRaw = steps.Byte() % 3 == 0;
        string text = isRaw ? Encoding.UTF8.GetString(steps.Rest) : Document(ref steps);
        try
        {
            PartitionDefinition definition = DefinitionReader.Read("fuzzed", text);
            Must(definition.Options.All(static option => !option.Contains('\0', StringComparison.Ordinal)), "An option with a zero character.");
            Must(DefinitionReader.Read("fuzzed", definition.Text).Options.SequenceEqual(definition.Options), "A definition is not what it was when it is read again.");
            PartitionDefinition other = DefinitionFolder.WithAutostart(definition, !definition.Autostart);
            Must(other.Autostart != definition.Autostart && other.Options.SequenceEqual(definition.Options), "A definition that differs in autostart alone differs in more.");
        }
        catch (DefinitionException refusal)
        {
            Must(refusal.Problems.Count > 0, "A refusal without a reason.");
            foreach (string problem in refusal.Problems) Must(!problem.Any(char.IsControl), "A reason that is not one line.");
        }
    }

    public void Dispose()
    {
    }

    private static IEnumerable<string> KeysOf(JsonElement schema)
    {
        foreach (JsonProperty property in schema.GetProperty("properties").EnumerateObject())
        {
            yield return property.Name;
            if (!property.Value.TryGetProperty("items", out JsonElement items) || !items.TryGetProperty("properties", out _)) continue;
            foreach (string inner in KeysOf(items)) yield return inner;
        }
    }

    private static string Document(ref FuzzInput input)
    {
        var text = new StringBuilder();
        Write(ref input, text, 0);
        return text.ToString();
    }

    private static void Write(ref FuzzInput input, StringBuilder text, int depth)
    {
        int members = input.Byte() & 15;
        text.Append('{');
        for (int i = 0; i < members && !input.IsEmpty; i++)
        {
            if (i > 0) text.Append(',');
            text.Append(CultureInfo.InvariantCulture, $"\"{Keys[input.Below(Keys.Length)]}\":");
            switch (input.Byte() % 4)
            {
                case 3 when depth < 10:
                    text.Append('[');
                    for (int items = input.Byte() & 3; items >= 0; items--)
                    {
                        Write(ref input, text, depth + 1);
                        if (items > 0) text.Append(',');
                    }

                    text.Append(']');
                    break;
                case 2 when depth < 10:
                    Write(ref input, text, depth + 1);
                    break;
                default:
                    text.Append(Values[input.Below(Values.Length)]);
                    break;
            }
        }

        text.Append('}');
    }
}
