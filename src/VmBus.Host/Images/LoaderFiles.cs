namespace VmBus.Host.Images;

/// <summary>The loader: a kernel and an initial RAM disk that find what a disk image would boot, and start it by kexec (made by <c>host-service/loader/build</c>).</summary>
/// <param name="Kernel">Path of its kernel.</param>
/// <param name="Initrd">Path of its initial RAM disk.</param>
public sealed record LoaderFiles(string Kernel, string Initrd)
{
    /// <summary>The environment variable that names the loader's folder.</summary>
    public const string FolderVariable = "VMBUS_LOADER";

    // Where the package's vmbus-make-loader puts it.
    private const string SystemFolder = "/var/lib/vmbus/loader/current";

    /// <summary>Finds the loader in the folder that <see cref="FolderVariable"/> names, else beside the program in <c>loader</c>, or where <c>vmbus-make-loader</c> puts it.</summary>
    /// <param name="isThere">Whether there is a file of a path; what the file system says when null.</param>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static LoaderFiles Find(Func<string, bool>? isThere = null)
    {
        if (TryFind(isThere) is { } found) return found;
        throw new FileNotFoundException(
            Named is { } named
                ? $"There is no loader (kernel, initrd) in '{named}', which {FolderVariable} names: name the folder that host-service/loader/build prints, or unset it."
                : $"The loader that boots disk images is not in '{SystemFolder}': make it as root with vmbus-make-loader, or give --kernel.");
    }

    /// <summary>Finds the loader, as <see cref="Find"/> does.</summary>
    /// <param name="isThere">Whether there is a file of a path; what the file system says when null.</param>
    /// <returns>Null when it is not there.</returns>
    public static LoaderFiles? TryFind(Func<string, bool>? isThere = null)
    {
        isThere ??= File.Exists;
        string[] folders = Named is { } named ? [named] : [Path.Combine(AppContext.BaseDirectory, "loader"), SystemFolder];
        return folders.Select(static folder => new LoaderFiles(Path.Combine(folder, "kernel"), Path.Combine(folder, "initrd")))
            .FirstOrDefault(files => isThere(files.Kernel) && isThere(files.Initrd));
    }

    private static string? Named => Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named ? named : null;
}
