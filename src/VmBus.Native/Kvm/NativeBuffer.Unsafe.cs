using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Kvm;

/// <summary>Zeroed memory outside the managed heap, for a structure that points to a second one.</summary>
internal sealed class NativeBuffer : SafeHandleZeroOrMinusOneIsInvalid
{
    private NativeBuffer(nint address)
        : base(ownsHandle: true) => SetHandle(address);

    /// <summary>The first byte.</summary>
    internal nint Address => handle;

    /// <summary>Allocates <paramref name="bytes"/>.</summary>
    // SAFETY: the address goes to NativeMemory.Free once, in ReleaseHandle.
    internal static unsafe NativeBuffer Allocate(int bytes) => new((nint)NativeMemory.AllocZeroed((nuint)bytes));

    /// <inheritdoc/>
    protected override unsafe bool ReleaseHandle()
    {
        // SAFETY: allocated by Allocate; nothing uses it after the handle is released.
        NativeMemory.Free((void*)handle);
        return true;
    }
}
