using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Page-aligned memory of our own with one iovec in front: what O_DIRECT takes where the guest's memory is not aligned.</summary>
/// <remarks>One user at a time; it stays in place until disposed.</remarks>
public sealed unsafe class BounceBuffer : IDisposable
{
    // One page in front holds the iovec, so that the data behind it is aligned for every device.
    private const int PageBytes = 4096;

    private byte* _memory;

    /// <summary>Allocates zero-filled memory.</summary>
    /// <param name="bytes">Size of the data.</param>
    public BounceBuffer(int bytes)
    {
        Bytes = bytes;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(PageBytes + bytes), PageBytes);
        NativeMemory.Clear(_memory, (nuint)(PageBytes + bytes));
    }

    /// <summary>Frees the memory of a buffer that was never disposed.</summary>
    ~BounceBuffer() => Free();

    /// <summary>Size of the data in bytes.</summary>
    public int Bytes { get; }

    /// <summary>The data.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<byte> Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            // SAFETY: the allocation holds Bytes bytes behind its first page.
            return new Span<byte>(_memory + PageBytes, Bytes);
        }
    }

    /// <summary>The address of the data, page aligned, for the kernel.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            // SAFETY: the data begins behind the first page.
            return (nint)(_memory + PageBytes);
        }
    }

    /// <summary>The address of an array of one iovec over the first <paramref name="bytes"/> of the data.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than the buffer holds.</exception>
    public nint Vector(int bytes)
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes);
        // SAFETY: the first page holds nothing but these two words.
        ((nint*)_memory)[0] = (nint)(_memory + PageBytes);
        ((nint*)_memory)[1] = bytes;
        return (nint)_memory;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
