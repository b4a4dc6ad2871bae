using System.Text;

namespace VmBus.Service.Workers;

/// <summary>What a worker writes to its error output: a file, so that it can be written while no service runs.</summary>
/// <remarks>One thread at a time. The worker writes at the file's end wherever that is, so that the file can be emptied under it.</remarks>
/// <param name="path">The file.</param>
internal sealed class WorkerLog(string path)
{
    private const string Program = "vmbus: ";
    private const int MaximumBytes = 64 * 1024;
    private const int LastWordsBytes = 4096;
    private const int MaximumCharacters = 1024;
    private const long EmptyAtBytes = 1 << 20;

    private static readonly string[] Levels = ["trace: ", "debug: ", "information: ", "warning: ", "error: ", "fatal: "];

    private long _position;

    /// <summary>Begins at what is written from now on.</summary>
    public void SkipOld() => _position = Length();

    /// <summary>The lines that are new since the last call, whole ones without the program's name before them. Of very many, the last.</summary>
    public IReadOnlyList<string> ReadNew()
    {
        try
        {
            long length = Length();
            if (length < _position) _position = 0;
            if (length == _position) return [];
            using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            long start = Math.Max(_position, length - MaximumBytes);
            byte[] bytes = Read(file, start, (int)(length - start));
            int end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
            if (end == 0 && bytes.Length < MaximumBytes) return [];
            _position = start + (end == 0 ? bytes.Length : end);
            if (_position > EmptyAtBytes && _position == file.Length)
            {
                file.SetLength(0);
                _position = 0;
            }

            return Lines(bytes.AsSpan(0, end == 0 ? bytes.Length : end));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>How long it is now, for <see cref="LastWords"/>.</summary>
    public long Length() => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>The last line; null when there is none.</summary>
    /// <param name="since">Only of what was written when it was longer than that.</param>
    /// <param name="ofProgram">Only of what the program says at its end, and neither of log messages nor of what other programs say.</param>
    public string? LastWords(long since = 0, bool ofProgram = false)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            long start = Math.Max(Math.Min(since, file.Length), file.Length - LastWordsBytes);
            return Lines(Read(file, start, (int)(file.Length - start)), ofProgram).LastOrDefault();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static byte[] Read(FileStream file, long start, int count)
    {
        byte[] bytes = new byte[count];
        file.Position = start;
        int read = file.ReadAtLeast(bytes, count, throwOnEndOfStream: false);
        return bytes[..read];
    }

    // Some of it comes from the guest: one line each, whatever is in it.
    private static List<string> Lines(ReadOnlySpan<byte> bytes, bool ofProgram = false)
        => [.. Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !ofProgram || (line.StartsWith(Program, StringComparison.Ordinal) && !Levels.Any(level => line.AsSpan(Program.Length).StartsWith(level, StringComparison.Ordinal))))
            .Select(static line
            => string.Concat((line.Length <= MaximumCharacters ? line : line[..MaximumCharacters] + "…").Select(static c => char.IsControl(c) ? ' ' : c)))
            .Select(static line => line.StartsWith(Program, StringComparison.Ordinal) ? line[Program.Length..] : line)];
}
