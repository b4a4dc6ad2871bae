using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace VmBus.Cli.Import;

/// <summary>A partition as another hypervisor's file describes it, as far as it can be one here; and what could not be taken over.</summary>
internal sealed class ImportedPartition
{
    /// <summary>Most processors of a partition.</summary>
    public const int MaximumProcessors = 64;

    private const int MaximumNameCharacters = 64;
    private const int MaximumShown = 160;

    private readonly List<string> _leftOut = [];

    /// <summary>The name there.</summary>
    public string Name { get; set; } = "";

    /// <summary>A kernel of the host; null where the guest boots from its disk.</summary>
    public string? Kernel { get; set; }

    /// <summary>Its initial RAM disk.</summary>
    public string? Initrd { get; set; }

    /// <summary>Its command line.</summary>
    public string? Append { get; set; }

    /// <summary>Virtual processors.</summary>
    public long Processors { get; set; } = 1;

    /// <summary>Bytes of memory at the start; null for what is usual here.</summary>
    public long? MemoryBytes { get; set; }

    /// <summary>Bytes that it may have at most; null for as many as at the start.</summary>
    public long? MaximumMemoryBytes { get; set; }

    /// <summary>Where the serial console goes, as definitions name it; null for nowhere but <c>vmbus console</c>.</summary>
    public string? Console { get; set; }

    /// <summary>Whether a reset ends it.</summary>
    public bool NoReboot { get; set; }

    /// <summary>What follows an end that nobody asked for; null for nothing.</summary>
    public string? Restart { get; set; }

    /// <summary>Disks in the order of their numbers.</summary>
    public IList<ImportedDisk> Disks { get; } = [];

    /// <summary>Network adapters.</summary>
    public IList<ImportedNic> Nics { get; } = [];

    /// <summary>What was left out, a line each; what is there more than once has one line that says how often.</summary>
    public IEnumerable<string> LeftOut
        => _leftOut.GroupBy(static line => line).Select(static group => group.Count() == 1 ? group.Key : string.Create(CultureInfo.InvariantCulture, $"{group.Key} ({group.Count()} of them)"));

    /// <summary>Notes something that is not taken over.</summary>
    /// <param name="what">What it is; words of the file are cut and cleaned.</param>
    /// <param name="why">Why, or what to do.</param>
    public void LeaveOut(string what, string why) => _leftOut.Add($"{Clean(what)}: {Clean(why)}");

    /// <summary>A name that a partition can have, as near to the given one as can be.</summary>
    public static string NameFrom(string name)
    {
        string fit = string.Concat(name.Trim().Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-')).TrimStart('.', '-', '_');
        return fit.Length > MaximumNameCharacters ? fit[..MaximumNameCharacters] : fit;
    }

    /// <summary>The definition: JSON, as the service takes it.</summary>
    public string ToDefinition()
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            WriteText(writer, "kernel", Kernel);
            WriteText(writer, "initrd", Initrd);
            WriteText(writer, "append", Append);
            writer.WriteNumber("cpus", Processors);
            if (MemoryBytes is { } memory) writer.WriteString("memory", Size(memory));
            if (MaximumMemoryBytes is { } most) writer.WriteString("maxMemory", Size(most));
            WriteList(writer, "disks", Disks, static (writer, disk) => disk.Write(writer));
            WriteList(writer, "nics", Nics, static (writer, nic) => nic.Write(writer));
            WriteText(writer, "console", Console);
            if (NoReboot) writer.WriteBoolean("noReboot", true);
            WriteText(writer, "restart", Restart);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.WrittenSpan) + "\n";
    }

    /// <summary>A pair, where there is a value.</summary>
    internal static void WriteText(Utf8JsonWriter writer, string key, string? value)
    {
        if (value is not null) writer.WriteString(key, value);
    }

    private static void WriteList<T>(Utf8JsonWriter writer, string key, IList<T> values, Action<Utf8JsonWriter, T> write)
    {
        if (values.Count == 0) return;
        writer.WriteStartArray(key);
        foreach (T value in values) write(writer, value);
        writer.WriteEndArray();
    }

    // The largest unit that it is a whole number of.
    private static string Size(long bytes)
    {
        string unit = "";
        foreach (string larger in new[] { "K", "M", "G", "T" })
        {
            if (bytes == 0 || bytes % 1024 != 0) break;
            bytes /= 1024;
            unit = larger;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes}{unit}");
    }

    private static string Clean(string text)
        => string.Concat((text.Length <= MaximumShown ? text : text[..MaximumShown] + "…").Select(static c => char.IsControl(c) ? ' ' : c));
}
