namespace VmBus.Coverage;

/// <summary>Branches that nothing a guest does can reach: <c>host-only.txt</c>, a line each, <c>FILE | PART | REASON</c>.</summary>
/// <remarks>
/// A file is a path from the root of the repository, or the beginning of one that ends with a slash. PART is <c>*</c> for all of it, <c>NAME()</c> for a method, or else a piece of the source line that the branch is on.
/// '#' begins a comment.
/// </remarks>
internal sealed class HostOnly
{
    private readonly string _root;
    private readonly List<(string File, string Part)> _rows = [];
    private readonly Dictionary<string, string[]> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<(string File, string Part)> _used = [];

    /// <summary>Reads the list.</summary>
    /// <exception cref="InvalidDataException">A line is none of the list.</exception>
    public HostOnly(string root, IEnumerable<string> lines)
    {
        _root = root;
        foreach (string line in lines.Where(static line => line.Length > 0 && line[0] != '#'))
        {
            string[] cells = [.. line.Split(" | ").Select(static cell => cell.Trim())];
            if (cells.Length != 3 || cells.Any(static cell => cell.Length == 0)) throw new InvalidDataException($"'{line}' is not FILE | PART | REASON.");
            _rows.Add((cells[0], cells[1]));
        }
    }

    /// <summary>Rows that were never the reason for anything: the code has changed since.</summary>
    public IEnumerable<string> Unused => _rows.Where(row => !_used.Contains(row)).Select(static row => $"{row.File} | {row.Part}");

    /// <summary>Whether a branch is on the list.</summary>
    public bool Has(Branch branch)
    {
        foreach ((string file, string part) in _rows)
        {
            bool isFile = file.EndsWith('/') ? branch.File.StartsWith(file, StringComparison.Ordinal) : branch.File == file;
            if (!isFile) continue;
            bool isPart = part == "*" || (part.EndsWith("()", StringComparison.Ordinal) ? IsMethod(branch.Method, part[..^2]) : LineOf(branch).Contains(part, StringComparison.Ordinal));
            if (!isPart) continue;
            _used.Add((file, part));
            return true;
        }

        return false;
    }

    // "T N.Type::Name(P)", and for what the compiler made of a method "T N.Type/<Name>d__1::MoveNext()" or "...::<Name>b__0(P)".
    private static bool IsMethod(string method, string name)
        => method.Contains($"::{name}(", StringComparison.Ordinal) || method.Contains($"<{name}>", StringComparison.Ordinal) || method.Contains($"::get_{name}(", StringComparison.Ordinal);

    private string LineOf(Branch branch)
    {
        if (!_texts.TryGetValue(branch.File, out string[]? lines)) _texts[branch.File] = lines = File.ReadAllLines(Path.Combine(_root, branch.File));
        return branch.Line <= lines.Length ? lines[branch.Line - 1] : "";
    }
}
