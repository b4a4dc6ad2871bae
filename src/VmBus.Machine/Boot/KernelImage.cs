using VmBus.Native.Linux;

namespace VmBus.Machine.Boot;

/// <summary>A Linux kernel file that was recognised and whose header was checked. Its code stays on disk until it is loaded.</summary>
/// <remarks>Not for several threads at once. Source: protocol-spec/machine.md#boot.</remarks>
public abstract class KernelImage : IDisposable
{
    private protected KernelImage(ImageFile file) => File = file;

    /// <summary>The path it was opened by.</summary>
    public string Path => File.Path;

    /// <summary>The way it is entered.</summary>
    public abstract BootMode Mode { get; }

    /// <summary>The longest command line it takes, in bytes without the terminating zero.</summary>
    public abstract int CommandLineBytes { get; }

    private protected ImageFile File { get; }

    /// <summary>Opens a bzImage (boot protocol 2.12 or later, 64-bit) or an uncompressed ELF image with a PVH entry.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="open">The file where it is open already; it stays the caller's.</param>
    /// <exception cref="BootException">It cannot be read or is no such kernel.</exception>
    public static KernelImage Open(string path, LinuxFile? open = null)
    {
        ImageFile file = ImageFile.Open("kernel", path, open);
        try
        {
            Span<byte> start = stackalloc byte[(int)Math.Min(file.Bytes, ElfImage.IdentificationBytes)];
            file.Read(0, start);
            return ElfImage.IsElf(start) ? ElfImage.Parse(file) : BzImage.Parse(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        File.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Places kernel, initial RAM disk and start information, and says how the first processor enters.</summary>
    internal abstract BootState Load(LoadRequest request);
}
