namespace VmBus.Fuzz.Engine;

/// <summary>Folders for files that are written with each input: in memory where the host has a place for that.</summary>
internal static class ScratchFolder
{
    /// <summary>Makes one, which the caller deletes.</summary>
    public static DirectoryInfo Create()
        => Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"vmbus-fuzz-{Guid.NewGuid():N}"));
}
