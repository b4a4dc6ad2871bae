namespace VmBus.Host.Images;

/// <summary>The loader: a kernel and an initial RAM disk that find what a disk image would boot, and start it by kexec (made by <c>host-service/loader/build</c>).</summary>
/// <param name="Kernel">Path of its kernel.</param>
/// <param name="Initrd">Path of its initial RAM disk.</param>
public sealed record LoaderFiles(string Kernel, string Initrd)
{
    /// <summary>The environment variable that names the loader's folder.</summary>
    public const string FolderVariable = "VMBUS_LOADER";

    /// <summary>Finds the loader in the folder that <see cref="FolderVariable"/> names, else beside the program in <c>loader</c>, or in <c>../lib/vmbus/loader</c>.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static LoaderFiles Find()
    {
        string? named = Environment.GetEnvironmentVariable(FolderVariable);
        string beside = AppContext.BaseDirectory;
        string[] folders = string.IsNullOrEmpty(named)
            ? [Path.Combine(beside, "loader"), Path.GetFullPath(Path.Combine(beside, "../lib/vmbus/loader"))]
            : [named];
        foreach (string folder in folders)
        {
            var files = new LoaderFiles(Path.Combine(folder, "kernel"), Path.Combine(folder, "initrd"));
            if (File.Exists(files.Kernel) && File.Exists(files.Initrd)) return files;
        }

        throw new FileNotFoundException(
            $"The loader that boots disk images is not in '{folders[^1]}': make it with host-service/loader/build and name the folder that it prints in {FolderVariable}, or give --kernel.");
    }
}
