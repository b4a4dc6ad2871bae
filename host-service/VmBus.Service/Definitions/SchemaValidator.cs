using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace VmBus.Service.Definitions;

/// <summary>Holds a JSON value against a schema of the keywords in <see cref="Keywords"/>, and words each difference for people.</summary>
/// <remarks>A schema with other keywords is refused, so that none is written there and passed over here. Source: json-schema.org, draft 2020-12.</remarks>
internal static class SchemaValidator
{
    private const int MaximumShown = 64;
    private static readonly TimeSpan PatternLimit = TimeSpan.FromSeconds(1);

    /// <summary>The keywords that are known.</summary>
    public static IReadOnlySet<string> Keywords { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "$schema", "title", "description", "type", "enum", "pattern", "minimum", "maximum", "maxLength", "maxItems", "items", "properties", "required", "additionalProperties", "oneOf", "anyOf",
    };

    /// <summary>Adds a line for each difference: where, which value, what it should be.</summary>
    /// <param name="value">The value.</param>
    /// <param name="schema">The schema.</param>
    /// <param name="path">Where the value is; empty for the whole.</param>
    /// <param name="problems">Gets the lines.</param>
    public static void Check(JsonElement value, JsonElement schema, string path, ICollection<string> problems)
    {
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            if (!Keywords.Contains(keyword.Name)) throw new InvalidOperationException($"The schema has the keyword '{keyword.Name}', which nobody checks.");
        }

        if (schema.TryGetProperty("type", out JsonElement type) && !IsOfType(value, type.GetString()!))
        {
            problems.Add($"{Place(path)}{Shown(value)} is not {Article(type.GetString()!)}{Meaning(schema)}");
            return;
        }

        if (schema.TryGetProperty("enum", out JsonElement known) && !known.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value)))
        {
            problems.Add($"{Place(path)}{Shown(value)} is none of {string.Join(", ", known.EnumerateArray().Select(static one => one.ToString().ToLowerInvariant()))}");
            return;
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                CheckText(value, schema, path, problems);
                break;
            case JsonValueKind.Number:
                CheckNumber(value, schema, path, problems);
                break;
            case JsonValueKind.Array:
                CheckArray(value, schema, path, problems);
                break;
            case JsonValueKind.Object:
                CheckObject(value, schema, path, problems);
                break;
            case JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.True or JsonValueKind.False:
                break;
        }
    }

    private static void CheckText(JsonElement value, JsonElement schema, string path, ICollection<string> problems)
    {
        string text = value.GetString()!;
        if (text.Contains('\0', StringComparison.Ordinal)) problems.Add($"{Place(path)}there is a zero character in it");
        if (schema.TryGetProperty("maxLength", out JsonElement most) && text.Length > most.GetInt32())
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{Place(path)}it has {text.Length} characters, and may have {most.GetInt32()}"));
        // In .NET, $ also matches before a last line end.
        if (schema.TryGetProperty("pattern", out JsonElement pattern)
            && (text.Contains('\n', StringComparison.Ordinal) || !Regex.IsMatch(text, pattern.GetString()!, RegexOptions.None, PatternLimit)))
            problems.Add($"{Place(path)}{Shown(value)} is not {schema.GetProperty("description").GetString()}");
    }

    private static void CheckNumber(JsonElement value, JsonElement schema, string path, ICollection<string> problems)
    {
        if (!schema.TryGetProperty("minimum", out JsonElement least) || !schema.TryGetProperty("maximum", out JsonElement most)) return;
        if (!value.TryGetInt64(out long number) || number < least.GetInt64() || number > most.GetInt64())
            problems.Add($"{Place(path)}{Shown(value)} is not {least} to {most}{Meaning(schema)}");
    }

    private static void CheckArray(JsonElement value, JsonElement schema, string path, ICollection<string> problems)
    {
        if (schema.TryGetProperty("maxItems", out JsonElement most) && value.GetArrayLength() > most.GetInt32())
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{Place(path)}there are {value.GetArrayLength()}, and may be {most.GetInt32()}"));
        if (!schema.TryGetProperty("items", out JsonElement items)) return;
        int index = 0;
        foreach (JsonElement item in value.EnumerateArray()) Check(item, items, string.Create(CultureInfo.InvariantCulture, $"{path}[{index++}]"), problems);
    }

    private static void CheckObject(JsonElement value, JsonElement schema, string path, ICollection<string> problems)
    {
        JsonElement properties = schema.GetProperty("properties");
        foreach (JsonProperty member in value.EnumerateObject())
        {
            if (properties.TryGetProperty(member.Name, out JsonElement inner)) Check(member.Value, inner, path.Length == 0 ? member.Name : $"{path}.{member.Name}", problems);
            else problems.Add($"{Place(path)}there is no '{Cut(member.Name)}'; known are {string.Join(", ", properties.EnumerateObject().Select(static one => one.Name))}");
        }

        if (schema.TryGetProperty("required", out JsonElement required))
        {
            foreach (JsonElement name in required.EnumerateArray())
            {
                if (!value.TryGetProperty(name.GetString()!, out _))
                    problems.Add($"{Place(path)}'{name}' is missing: {properties.GetProperty(name.GetString()!).GetProperty("description").GetString()}");
            }
        }

        // Each choice is one key that must be there.
        if (Choices("oneOf") is { } one && one.Present != 1)
            problems.Add($"{Place(path)}exactly one of {string.Join(", ", one.Names)} must be there, and {(one.Present == 0 ? "none is" : "more are")}");
        if (Choices("anyOf") is { Present: 0 } any) problems.Add($"{Place(path)}one of {string.Join(", ", any.Names)} must be there, and none is");

        (string[] Names, int Present)? Choices(string keyword)
        {
            if (!schema.TryGetProperty(keyword, out JsonElement choices)) return null;
            string[] names = [.. choices.EnumerateArray().Select(static choice => choice.GetProperty("required")[0].GetString()!)];
            return (names, names.Count(name => value.TryGetProperty(name, out _)));
        }
    }

    private static bool IsOfType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new InvalidOperationException($"The schema has the type '{type}', which nobody checks."),
    };

    private static string Article(string type) => type switch
    {
        "object" => "an object",
        "array" => "an array",
        "integer" => "a whole number",
        "boolean" => "true or false",
        _ => "a text in quotes",
    };

    private static string Place(string path) => path.Length == 0 ? "" : $"{path}: ";

    private static string Meaning(JsonElement schema) => schema.TryGetProperty("description", out JsonElement meaning) ? $" ({meaning.GetString()})" : "";

    private static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => $"'{Cut(value.GetString()!)}'",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Cut(value.GetRawText()),
    };

    private static string Cut(string text) => string.Concat((text.Length <= MaximumShown ? text : text[..MaximumShown] + "…").Select(static c => char.IsControl(c) ? ' ' : c));
}
