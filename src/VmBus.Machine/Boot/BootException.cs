namespace VmBus.Machine.Boot;

/// <summary>What is wrong with a kernel, initial RAM disk or command line.</summary>
public enum BootError
{
    /// <summary>The path names nothing.</summary>
    NotFound,

    /// <summary>The file may not be read.</summary>
    NoPermission,

    /// <summary>The path names a directory, FIFO or device.</summary>
    NotAFile,

    /// <summary>The host cannot read the file.</summary>
    ReadFailed,

    /// <summary>The file is neither a bzImage nor an ELF image with a PVH entry.</summary>
    NotAKernel,

    /// <summary>The file ends before what its header announces, or its header contradicts itself.</summary>
    Damaged,

    /// <summary>The kernel is 32-bit only, or too old for the 64-bit boot protocol, or has no PVH entry.</summary>
    No64BitEntry,

    /// <summary>The kernel is for another processor architecture.</summary>
    WrongArchitecture,

    /// <summary>Kernel and initial RAM disk need more memory than the partition has.</summary>
    OutOfMemory,

    /// <summary>The command line is longer than the kernel takes, or not plain text.</summary>
    BadCommandLine,
}

/// <summary>A kernel cannot be booted: one line that names the file and the cure.</summary>
public sealed class BootException : IOException
{
    /// <summary>Describes the failure.</summary>
    public BootException(BootError error, string message)
        : base(message) => Error = error;

    /// <summary>What is wrong.</summary>
    public BootError Error { get; }
}
