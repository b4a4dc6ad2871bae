namespace VmBus.Conformance.Rules;

/// <summary>Which rules somebody wants to have checked, in the words of a command line.</summary>
public sealed class RuleFilter
{
    private readonly IReadOnlyList<string> _words;

    private RuleFilter(IReadOnlyList<string> words) => _words = words;

    /// <summary>Whether all are wanted.</summary>
    public bool IsOpen => _words.Count == 0;

    /// <summary>Reads words.</summary>
    /// <param name="words">Ids (CH-10), or letters that ids begin with (CH); none for all rules.</param>
    /// <param name="unknown">The word that no rule has, when null is returned.</param>
    public static RuleFilter? TryParse(IReadOnlyList<string> words, out string unknown)
    {
        ArgumentNullException.ThrowIfNull(words);
        unknown = words.FirstOrDefault(static word => !RuleBook.All.Any(rule => Takes(word, rule.Id))) ?? "";
        return unknown.Length > 0 || words.Contains("") ? null : new RuleFilter(words);
    }

    /// <summary>Whether a rule is wanted.</summary>
    public bool Takes(string id) => IsOpen || _words.Any(word => Takes(word, id));

    private static bool Takes(string word, string id) => word.Contains('-', StringComparison.Ordinal)
        ? string.Equals(word, id, StringComparison.OrdinalIgnoreCase)
        : id.StartsWith(word + "-", StringComparison.OrdinalIgnoreCase);
}
