using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using VmBus.Control.Verbs;
using VmBus.Host;
using VmBus.Host.Devices;
using VmBus.Machine;
using VmBus.Native.Linux;

namespace VmBus.Cli.Commands;

/// <summary>What <c>--result</c> writes: how a partition has ended, for whoever did not see it.</summary>
internal static class ResultFile
{
    /// <summary>Runs a partition and writes how it has ended, or why it has not begun.</summary>
    /// <param name="path">The file; null for none.</param>
    /// <param name="devices">Where it comes from when it is open already.</param>
    /// <param name="run">Runs the partition, and gives its end to what it gets.</param>
    /// <exception cref="IOException">The file cannot be written, or what <paramref name="run"/> throws.</exception>
    public static int Keep(string? path, IDeviceOpener devices, Func<Action<PartitionResult>, int> run)
    {
        if (path is null) return run(static _ => { });
        using LinuxFile? given = devices.TakeFile(path);
        using FileStream? open = given is null ? null : new FileStream(new SafeFileHandle(given.Release(), ownsHandle: true), FileAccess.Write);
        try
        {
            return run(result => Write(path, open, Words.Of(result.End), result.Detail));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or KvmUnavailableException)
        {
            Write(path, open, Words.Of(PartitionEnd.Failed), exception.Message);
            throw;
        }
    }

    // Whole, or not at all: half of it is no JSON.
    private static void Write(string path, FileStream? open, string reason, string detail)
    {
        if (open is not null)
        {
            open.SetLength(0);
            Write(open, reason, detail);
            open.Flush();
            return;
        }

        string beside = path + ".new";
        using (FileStream file = new(beside, FileMode.Create, FileAccess.Write)) Write(file, reason, detail);
        File.Move(beside, path, overwrite: true);
    }

    private static void Write(FileStream file, string reason, string detail)
    {
        using var writer = new Utf8JsonWriter(file);
        writer.WriteStartObject();
        writer.WriteString("reason", reason);
        writer.WriteString("detail", detail);
        writer.WriteEndObject();
    }
}
