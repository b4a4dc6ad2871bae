namespace VmBus.Fuzz.Engine;

/// <summary>Inputs that are kept: one a line in hex, in <c>tests/VmBus.Fuzz/corpus/TARGET.hex</c>; '#' begins a comment.</summary>
public static class Corpus
{
    private const string ReachesMore = "# reaches more";

    /// <summary>The kept inputs of a target; none when there is no file.</summary>
    public static IReadOnlyList<byte[]> Load(string folder, string target)
    {
        string path = PathOf(folder, target);
        return File.Exists(path) ? Parse(File.ReadLines(path)) : [];
    }

    /// <summary>Reads lines.</summary>
    public static IReadOnlyList<byte[]> Parse(IEnumerable<string> lines)
        => [.. lines.Select(static line => line.Split('#')[0].Trim()).Where(static text => text.Length > 0).Select(Convert.FromHexString)];

    /// <summary>Adds an input that is not there yet.</summary>
    public static void Keep(string folder, string target, byte[] input, string comment)
    {
        if (Load(folder, target).Any(kept => kept.AsSpan().SequenceEqual(input))) return;
        Directory.CreateDirectory(folder);
        File.AppendAllText(PathOf(folder, target), $"{Convert.ToHexStringLower(input)} # {comment}\n");
    }

    /// <summary>Keeps these inputs in place of those that were kept because they reach more; those that are kept for another reason stay.</summary>
    public static void Replace(string folder, string target, IEnumerable<byte[]> inputs)
    {
        string path = PathOf(folder, target);
        Directory.CreateDirectory(folder);
        string[] others = File.Exists(path) ? [.. File.ReadLines(path).Where(static line => !line.EndsWith(ReachesMore, StringComparison.Ordinal))] : [];
        string[] lines = [.. others, .. inputs.Select(static input => $"{Convert.ToHexStringLower(input)} {ReachesMore}")];
        if (lines.Length == 0) File.Delete(path);
        else File.WriteAllLines(path, lines);
    }

    private static string PathOf(string folder, string target) => Path.Combine(folder, target + ".hex");
}
