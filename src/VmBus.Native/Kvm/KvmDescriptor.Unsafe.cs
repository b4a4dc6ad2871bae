using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;

namespace VmBus.Native.Kvm;

/// <summary>A descriptor that takes KVM's ioctls: /dev/kvm, a VM, a vCPU or a statistics file.</summary>
/// <remarks>Any thread. Source: Linux Documentation/virt/kvm/api.rst.</remarks>
internal abstract partial class KvmDescriptor : SafeHandleMinusOneIsInvalid
{
    private protected KvmDescriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>The file descriptor. Valid while this handle is open.</summary>
    internal int Descriptor => (int)handle;

    /// <summary>An ioctl that takes a number or an address.</summary>
    /// <returns>What the kernel returned, or the negated errno.</returns>
    internal int Call(uint request, nint argument)
    {
        while (true)
        {
            int result = ioctl(this, request, argument);
            if (result >= 0) return result;
            int errno = Marshal.GetLastPInvokeError();
            // Making a VM gives up when its thread has a signal to take, and the runtime sends those whenever it collects garbage.
            if (errno != Errno.EINTR) return -errno;
        }
    }

    /// <summary>An ioctl that takes a structure, which the kernel may fill.</summary>
    /// <returns>What the kernel returned, or the negated errno.</returns>
    internal unsafe int Call<T>(uint request, ref T argument)
        where T : unmanaged
    {
        // SAFETY: the structure is pinned for the call; its size is part of the request number and checked against the kernel's headers.
        fixed (T* address = &argument) return Call(request, (nint)address);
    }

    /// <summary>As <see cref="Call(uint, nint)"/>, for set-up paths: a failure is described by <paramref name="operation"/>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal int CallOrThrow(uint request, nint argument, string operation)
    {
        int result = Call(request, argument);
        return result >= 0 ? result : throw new LinuxException(operation, -result);
    }

    /// <summary>As <see cref="Call{T}(uint, ref T)"/>, for set-up paths: a failure is described by <paramref name="operation"/>.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal int CallOrThrow<T>(uint request, ref T argument, string operation)
        where T : unmanaged
    {
        int result = Call(request, ref argument);
        return result >= 0 ? result : throw new LinuxException(operation, -result);
    }

    /// <summary>An ioctl that takes a count, a word of flags or padding, and that many entries.</summary>
    /// <returns>What the kernel returned, or the negated errno; the entries and the count as the kernel left them.</returns>
    internal unsafe int CallWithList<T>(uint request, T[] entries, out int count)
        where T : unmanaged
    {
        byte[] buffer = new byte[8 + (entries.Length * sizeof(T))];
        MemoryMarshal.Write(buffer, entries.Length);
        MemoryMarshal.AsBytes(entries.AsSpan()).CopyTo(buffer.AsSpan(8));
        int result;
        // SAFETY: the buffer is pinned for the call and holds as many entries as its count says.
        fixed (byte* address = buffer) result = Call(request, (nint)address);
        buffer.AsSpan(8).CopyTo(MemoryMarshal.AsBytes(entries.AsSpan()));
        count = Math.Min(entries.Length, MemoryMarshal.Read<int>(buffer));
        return result;
    }

    /// <summary>Opens the file that holds the kernel's counters of this VM or vCPU.</summary>
    /// <exception cref="LinuxException">The kernel has none (older than 5.14).</exception>
    internal KvmStatistics OpenStatistics()
        => KvmStatistics.Create(CallOrThrow(KvmRequest.KVM_GET_STATS_FD, 0, "Opening KVM's statistics (KVM_GET_STATS_FD) failed"));

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(KvmDescriptor file, nuint request, nint argument);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
