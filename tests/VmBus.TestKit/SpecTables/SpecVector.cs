using System.Globalization;

namespace VmBus.TestKit.SpecTables;

/// <summary>Golden bytes from <c>protocol-spec/vectors/*.hex</c>.</summary>
public static class SpecVector
{
    /// <summary>Reads a vector: two hex digits per byte, <c>00*36</c> for 36 times 00, comments from '#' to the end of the line.</summary>
    /// <param name="name">File name without folder and ".hex".</param>
    public static byte[] Load(string name) => Parse(File.ReadAllText(Path.Combine(Repository.Root, "protocol-spec", "vectors", name + ".hex")));

    /// <summary>Reads a vector from text.</summary>
    public static byte[] Parse(string text)
    {
        var bytes = new List<byte>();
        foreach (string line in text.Split('\n'))
        {
            string content = line.Split('#')[0];
            foreach (string word in content.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] parts = word.Split('*');
                if (parts.Length > 2 || parts[0].Length != 2) throw new FormatException($"'{word}' is not a byte of a vector.");
                byte value = byte.Parse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                int count = parts.Length == 2 ? int.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture) : 1;
                bytes.AddRange(Enumerable.Repeat(value, count));
            }
        }

        return [.. bytes];
    }
}
