namespace VmBus.GuestTools.KeyValues;

/// <summary>What /etc/os-release says. Source: os-release(5).</summary>
internal static class SystemRelease
{
    /// <summary>The assignments among the lines, without their quotes.</summary>
    public static IReadOnlyDictionary<string, string> Parse(IEnumerable<string> lines)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in lines)
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || line[0] == '#') continue;
            string value = line[(equals + 1)..].Trim();
            if (value.Length >= 2 && value[0] is '"' or '\'' && value[^1] == value[0]) value = value[1..^1];
            values[line[..equals].Trim()] = value;
        }

        return values;
    }
}
