namespace VmBus.Service.Hosting;

/// <summary>A state folder that is this process's, as long as it lives and this object does.</summary>
internal sealed class StateLock : IDisposable
{
    private readonly FileStream _file;

    private StateLock(FileStream file) => _file = file;

    /// <summary>Makes the folder and takes it.</summary>
    /// <exception cref="IOException">Another service has it, or it cannot be made.</exception>
    public static StateLock Take(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, "vmbusd.lock");
        try
        {
            return new StateLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (File.Exists(path))
        {
            throw new IOException($"Another service keeps its state in '{folder}' (Service:State): end that one, or use another folder.", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
