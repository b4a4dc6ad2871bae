using System.Text.Json;
using VmBus.Control.Verbs;
using VmBus.Host;
using VmBus.Machine;

namespace VmBus.Cli.Commands;

/// <summary>What <c>--result</c> writes: how a partition has ended, for whoever did not see it.</summary>
internal static class ResultFile
{
    /// <summary>Runs a partition and writes how it has ended, or why it has not begun.</summary>
    /// <param name="path">The file; null for none.</param>
    /// <param name="run">Runs the partition, and gives its end to what it gets.</param>
    /// <exception cref="IOException">The file cannot be written, or what <paramref name="run"/> throws.</exception>
    public static int Keep(string? path, Func<Action<PartitionResult>, int> run)
    {
        if (path is null) return run(static _ => { });
        try
        {
            return run(result => Write(path, Words.Of(result.End), result.Detail));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or KvmUnavailableException)
        {
            Write(path, Words.Of(PartitionEnd.Failed), exception.Message);
            throw;
        }
    }

    // Whole, or not at all.
    private static void Write(string path, string reason, string detail)
    {
        string beside = path + ".new";
        using (FileStream file = new(beside, FileMode.Create, FileAccess.Write))
        using (var writer = new Utf8JsonWriter(file))
        {
            writer.WriteStartObject();
            writer.WriteString("reason", reason);
            writer.WriteString("detail", detail);
            writer.WriteEndObject();
        }

        File.Move(beside, path, overwrite: true);
    }
}
