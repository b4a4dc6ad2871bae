using System.Text.Json;
using VmBus.Service.Definitions;

namespace VmBus.Service.Workers;

/// <summary>Which process a worker is, so that a service that is started later finds it.</summary>
/// <param name="Process">Its number.</param>
/// <param name="StartTicks">When it was started, as /proc/PID/stat says: the number alone may be another's by then.</param>
/// <param name="Boot">The boot that both belong to.</param>
/// <param name="StartedMs">When it was started: milliseconds since 1970.</param>
/// <param name="User">Whom it runs as once everything is open; null for the service's user.</param>
internal sealed record WorkerRecord(int Process, ulong StartTicks, string Boot, long StartedMs, uint? User = null)
{
    /// <summary>This boot.</summary>
    public static string ThisBoot { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Reads a record.</summary>
    /// <returns>Null when there is none, or half of one.</returns>
    public static WorkerRecord? TryRead(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<WorkerRecord>(File.ReadAllText(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes it.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(string path) => WholeFile.Write(path, JsonSerializer.Serialize(this));
}
