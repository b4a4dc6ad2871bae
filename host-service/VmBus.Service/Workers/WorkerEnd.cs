using System.Text.Json;

namespace VmBus.Service.Workers;

/// <summary>How a partition has ended.</summary>
/// <param name="Reason">One word, as <c>partition.ended</c> has it.</param>
/// <param name="Detail">What there is to say, for people; null for nothing.</param>
/// <param name="Time">When.</param>
internal sealed record WorkerEnd(string Reason, string? Detail, DateTimeOffset Time)
{
    /// <summary>The guest has powered off.</summary>
    public const string PoweredOff = "powered-off";

    /// <summary>The guest has crashed.</summary>
    public const string Crashed = "crashed";

    /// <summary>The worker could not start it, or not go on.</summary>
    public const string Failed = "failed";

    /// <summary>The worker is gone and has not said why: it was killed, or it crashed.</summary>
    public const string Died = "died";

    private const int SIGKILL = 9;
    private const int MaximumResultBytes = 64 * 1024;

    /// <summary>Whether the policy that restarts after crashes means this one.</summary>
    public bool IsCrash => Reason is Crashed or Failed or Died;

    /// <summary>Finds out how a worker has ended.</summary>
    /// <param name="files">Its files.</param>
    /// <param name="process">Its number, for words.</param>
    /// <param name="status">Its exit status and the signal that ended it, where the service is its parent; else null.</param>
    public static WorkerEnd Of(WorkerFiles files, int process, (int Status, int Signal)? status)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (TryReadResult(files.Result) is var (reason, detail)) return new WorkerEnd(reason, detail, now);
        string? last = new WorkerLog(files.Log).LastWords();
        return status switch
        {
            (_, > 0) and var (_, signal) => new WorkerEnd(Died, $"process {process} was ended by signal {signal}{(signal == SIGKILL ? " (killed, by somebody or for want of memory)" : "")}", now),
            (_, _) and var (exit, _) => new WorkerEnd(Failed, last ?? $"process {process} has ended with status {exit} and no word", now),
            null => new WorkerEnd(Died, $"process {process} is gone and has not said how the partition ended{(last is null ? "" : $"; its last words: {last}")}", now),
        };
    }

    private static (string Reason, string? Detail)? TryReadResult(string path)
    {
        try
        {
            // The worker's own words, of any length.
            byte[] bytes = new byte[MaximumResultBytes];
            int count;
            using (FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0)) count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            using var document = JsonDocument.Parse(bytes.AsMemory(0, count));
            string? detail = document.RootElement.TryGetProperty("detail", out JsonElement said) ? said.GetString() : null;
            return (document.RootElement.GetProperty("reason").GetString()!, string.IsNullOrEmpty(detail) ? null : detail);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
