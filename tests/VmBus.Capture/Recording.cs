using System.Globalization;
using System.Text;

namespace VmBus.Capture;

/// <summary>What a conversation is about: one file each.</summary>
internal enum Topic
{
    Channel,
    Network,
    Storage,
    Synic,
    Integration,
}

/// <summary>The conversation of one guest and the host, in the order in which it happened. Any thread.</summary>
internal sealed class Recording
{
    private const int BytesPerLine = 16;
    private const int ShortestRun = 4;

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private readonly List<(string Key, string Value)> _head = [];

    /// <summary>Says something about all of it.</summary>
    public void Describe(string key, string value) => _head.Add((key, value));

    /// <summary>Notes something that was said.</summary>
    /// <returns>For <see cref="Forget"/>.</returns>
    public object Add(Topic topic, bool fromGuest, string label, ReadOnlySpan<byte> bytes)
    {
        var entry = new Entry(topic, fromGuest, label, bytes.ToArray());
        lock (_gate) _entries.Add(entry);
        return entry;
    }

    /// <summary>Takes a note back: the host will be asked again.</summary>
    public void Forget(object entry)
    {
        lock (_gate) _entries.Remove((Entry)entry);
    }

    /// <summary>Writes one topic as protocol-spec/README.md#captured-conversations says. Nothing is written when nothing was said.</summary>
    public void Write(Topic topic, string path)
    {
        Entry[] entries = [.. _entries.Where(entry => entry.Topic == topic)];
        if (entries.Length == 0) return;
        var text = new StringBuilder();
        text.Append("# Captured from an unmodified guest by tests/VmBus.Capture/run.\n");
        foreach ((string key, string value) in _head) text.Append(CultureInfo.InvariantCulture, $"# {key}: {value}\n");
        foreach (Entry entry in entries)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{(entry.FromGuest ? '>' : '<')} {entry.Label}\n");
            AppendBytes(text, entry.Bytes);
        }

        File.WriteAllText(path, text.ToString());
    }

    // Two digits for each byte, and 00*36 for a run; sixteen words to a line.
    private static void AppendBytes(StringBuilder text, byte[] bytes)
    {
        int words = 0;
        for (int i = 0; i < bytes.Length; words++)
        {
            if (words > 0) text.Append(words % BytesPerLine == 0 ? '\n' : ' ');
            int run = 1;
            while (i + run < bytes.Length && bytes[i + run] == bytes[i]) run++;
            text.Append(bytes[i].ToString("x2", CultureInfo.InvariantCulture));
            if (run < ShortestRun) run = 1;
            else text.Append(CultureInfo.InvariantCulture, $"*{run}");
            i += run;
        }

        if (bytes.Length > 0) text.Append('\n');
    }

    private sealed record Entry(Topic Topic, bool FromGuest, string Label, byte[] Bytes);
}
