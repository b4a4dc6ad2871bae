namespace VmBus.TestKit.SpecTables;

/// <summary>One message, packet, buffer or register of a captured conversation.</summary>
/// <param name="FromGuest">Who said it.</param>
/// <param name="Label">What the file calls it.</param>
/// <param name="Bytes">All of it.</param>
public sealed record SpecUtterance(bool FromGuest, string Label, byte[] Bytes);

/// <summary>A conversation of an unmodified guest and this host, from <c>protocol-spec/vectors/captured-*.hex</c>.</summary>
/// <remarks>The format and how to capture anew: protocol-spec/README.md#captured-conversations.</remarks>
public sealed class SpecConversation
{
    private SpecConversation(string name, IReadOnlyDictionary<string, string> head, IReadOnlyList<SpecUtterance> utterances)
    {
        Name = name;
        Head = head;
        Utterances = utterances;
    }

    /// <summary>File name without folder and ".hex".</summary>
    public string Name { get; }

    /// <summary>What the head says: kernel, vmbus, processors, memory, controller, disk, traits, identity.</summary>
    public IReadOnlyDictionary<string, string> Head { get; }

    /// <summary>In the order in which they were said.</summary>
    public IReadOnlyList<SpecUtterance> Utterances { get; }

    /// <summary>The names of all conversations about <paramref name="topic"/>: channel, storage or synic.</summary>
    public static IReadOnlyList<string> Names(string topic) =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "protocol-spec", "vectors"), $"captured-*-{topic}*.hex")
            .Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal),
    ];

    /// <summary>Reads a conversation.</summary>
    /// <exception cref="FormatException">A line is neither a comment, a beginning (&gt; or &lt;), bytes nor empty.</exception>
    public static SpecConversation Load(string name)
    {
        var head = new Dictionary<string, string>(StringComparer.Ordinal);
        var utterances = new List<SpecUtterance>();
        string? label = null;
        bool fromGuest = false;
        var text = new System.Text.StringBuilder();
        foreach (string line in File.ReadLines(Path.Combine(Repository.Root, "protocol-spec", "vectors", name + ".hex")).Append("> "))
        {
            if (line.StartsWith('#') && label is null)
            {
                string[] pair = line[1..].Split(": ", 2);
                if (pair.Length == 2) head[pair[0].Trim()] = pair[1].Trim();
            }
            else if (line.StartsWith('>') || line.StartsWith('<'))
            {
                if (label is not null) utterances.Add(new SpecUtterance(fromGuest, label, SpecVector.Parse(text.ToString())));
                label = line[1..].Trim();
                fromGuest = line[0] == '>';
                text.Clear();
            }
            else
            {
                if (label is null && line.Trim().Length > 0) throw new FormatException($"{name}: '{line}' belongs to nothing.");
                text.Append(line).Append('\n');
            }
        }

        return new SpecConversation(name, head, utterances);
    }
}
