using System.Text;

namespace VmBus.Service.Definitions;

/// <summary>Writes files so that a reader, or a process that comes after a crash, finds the old text or the new one and never a part.</summary>
internal static class WholeFile
{
    /// <summary>Replaces a file, or makes it.</summary>
    /// <exception cref="IOException">It cannot be written; what was there is there still.</exception>
    public static void Write(string path, string text)
    {
        string beside = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.new");
        try
        {
            using (FileStream file = new(beside, FileMode.Create, FileAccess.Write))
            {
                file.Write(Encoding.UTF8.GetBytes(text));
                file.Flush(flushToDisk: true);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            File.Delete(beside);
            throw new IOException($"'{path}' cannot be written: {exception.Message}", exception);
        }
    }
}
