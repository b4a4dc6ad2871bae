using System.Globalization;

namespace VmBus.Conformance.Inside;

/// <summary>Something that the guest's VMBus driver says it sent or got.</summary>
/// <param name="Name">The event, such as <c>vmbus_open</c>.</param>
/// <param name="Fields">Its numbers by their names.</param>
/// <remarks>Source: Linux drivers/hv/hv_trace.h, whose events end in names and numbers with commas between them.</remarks>
internal sealed record KernelEvent(string Name, IReadOnlyDictionary<string, long> Fields)
{
    private const string Prefix = ": vmbus_";

    /// <summary>A number of it; null where it has none of that name.</summary>
    public long? this[string field] => Fields.TryGetValue(field, out long value) ? value : null;

    /// <summary>Reads a line of a trace; null when it is no event of this driver.</summary>
    public static KernelEvent? Parse(string line)
    {
        int start = line.IndexOf(Prefix, StringComparison.Ordinal);
        if (start < 0 || line.StartsWith('#')) return null;
        int end = line.IndexOf(':', start + 2);
        if (end < 0) return null;
        var fields = new Dictionary<string, long>(StringComparer.Ordinal);
        // "range_buflen 80 rangecount 1" has no comma between its pairs, "sending child_relid" a word before one.
        string[] words = line[(end + 1)..].Split([' ', ',', '='], StringSplitOptions.RemoveEmptyEntries);
        for (int i = 1; i < words.Length; i++)
        {
            if (Number(words[i]) is { } value && Number(words[i - 1]) is null) fields[words[i - 1]] = value;
        }

        return new KernelEvent(line[(start + 2)..end], fields);
    }

    private static long? Number(string word)
    {
        if (word.StartsWith("0x", StringComparison.Ordinal))
            return ulong.TryParse(word.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong hexadecimal) ? (long)hexadecimal : null;
        return long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;
    }
}
