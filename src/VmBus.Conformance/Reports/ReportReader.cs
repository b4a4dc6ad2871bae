using System.Text.Json;
using VmBus.Conformance.Rules;

namespace VmBus.Conformance.Reports;

/// <summary>Reads reports that were written as JSON: by <see cref="ReportWriter.WriteJson"/>, or by a program that looks at a host in another way.</summary>
public static class ReportReader
{
    /// <summary>Longest report; all rules with long evidence take a tenth of it.</summary>
    public const int MaximumBytes = 1 << 20;

    /// <summary>Reads one object: <c>host</c> or <c>guest</c>, and <c>results</c> with <c>rule</c>, <c>verdict</c>, <c>evidence</c>. Other members, and rules that this build does not have, are passed over.</summary>
    /// <param name="input">The report, <see cref="MaximumBytes"/> at most.</param>
    /// <exception cref="InvalidDataException">It is no report; the message says where.</exception>
    public static ConformanceReport ReadJson(Stream input)
    {
        ArgumentNullException.ThrowIfNull(input);
        byte[] bytes = new byte[MaximumBytes + 1];
        int length = input.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (length > MaximumBytes) throw new InvalidDataException($"it has more than {MaximumBytes} bytes");
        try
        {
            using var json = JsonDocument.Parse(bytes.AsMemory(0, length));
            JsonElement root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException("it is no JSON object");
            bool isGuest = root.TryGetProperty("guest", out JsonElement name);
            if (!isGuest && !root.TryGetProperty("host", out name)) throw new InvalidDataException("it names neither a host nor a guest");
            if (!root.TryGetProperty("results", out JsonElement results) || results.ValueKind != JsonValueKind.Array) throw new InvalidDataException("it has no list of results");
            Dictionary<string, ConformanceRule> rules = RuleBook.All.ToDictionary(static rule => rule.Id, StringComparer.Ordinal);
            var read = new List<RuleResult>();
            foreach (JsonElement result in results.EnumerateArray())
            {
                if (rules.TryGetValue(Text(result, "rule"), out ConformanceRule? rule)) read.Add(new RuleResult(rule, Verdict(Text(result, "verdict")), Text(result, "evidence"), TimeSpan.Zero));
            }

            return new ConformanceReport(name.ValueKind == JsonValueKind.String ? name.GetString()! : "", read) { Of = isGuest ? RuleParty.Guest : RuleParty.Host };
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"it is no JSON: {problem.Message}", problem);
        }
    }

    private static string Text(JsonElement result, string member)
        => result.ValueKind == JsonValueKind.Object && result.TryGetProperty(member, out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw new InvalidDataException($"a result has no '{member}'");

    private static RuleVerdict Verdict(string word) => word switch
    {
        "pass" => RuleVerdict.Pass,
        "FAIL" => RuleVerdict.Fail,
        "not covered" => RuleVerdict.NotCovered,
        _ => throw new InvalidDataException($"'{word}' is no verdict"),
    };
}
