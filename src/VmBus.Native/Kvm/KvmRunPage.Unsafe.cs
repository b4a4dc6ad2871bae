using System.Runtime.CompilerServices;

namespace VmBus.Native.Kvm;

/// <summary>struct kvm_run, shared with the kernel: why the vCPU left the guest, and the answer to it.</summary>
/// <remarks>
/// Valid while the vCPU's mapping is. Read and written by the vCPU's thread between two runs; <see cref="ImmediateExit"/> by any thread.
/// Source: linux/kvm.h.
/// </remarks>
internal readonly unsafe struct KvmRunPage
{
    private readonly byte* _page;
    private readonly int _bytes;

    internal KvmRunPage(nint address, int bytes)
    {
        _page = (byte*)address;
        _bytes = bytes;
    }

    // SAFETY: every offset lies inside the 2352 bytes of struct kvm_run, at the start of a mapping of at least a page; offsets are checked
    // against the kernel's header by a test.
    internal ref byte ImmediateExit => ref _page[1];

    internal uint ExitReason => Field<uint>(8);

    internal byte IoDirection => _page[32];

    internal int IoBytes => _page[33];

    internal ushort IoPort => Field<ushort>(34);

    internal uint IoCount => Field<uint>(36);

    internal ulong MmioAddress => Field<ulong>(32);

    internal Span<byte> MmioData => new(_page + 40, Math.Min(8, (int)Field<uint>(48)));

    internal bool MmioIsWrite => _page[52] != 0;

    internal ulong FailEntryReason => Field<ulong>(32);

    internal uint InternalSuberror => Field<uint>(32);

    internal uint InternalDataCount => Field<uint>(36);

    internal ulong EmulationFlags => Field<ulong>(40);

    internal ReadOnlySpan<byte> EmulationInstruction => new(_page + 49, Math.Min(15, (int)_page[48]));

    internal uint SystemEventType => Field<uint>(32);

    internal uint HypervType => Field<uint>(32);

    internal uint SynicMsr => Field<uint>(40);

    internal ulong SynicControl => Field<ulong>(48);

    internal ulong SynicEventPage => Field<ulong>(56);

    internal ulong SynicMessagePage => Field<ulong>(64);

    internal ulong HypercallInput => Field<ulong>(40);

    internal ref ulong HypercallResult => ref Field<ulong>(48);

    internal ulong HypercallFirst => Field<ulong>(56);

    internal ulong HypercallSecond => Field<ulong>(64);

    internal ref byte MsrError => ref _page[32];

    internal uint MsrIndex => Field<uint>(44);

    internal ref ulong MsrData => ref Field<ulong>(48);

    /// <summary>The bytes of a port access: count times the width. Empty when the kernel's description does not fit the mapping.</summary>
    internal Span<byte> IoData
    {
        get
        {
            ulong offset = Field<ulong>(40);
            ulong bytes = (ulong)IoBytes * IoCount;
            if (offset > (ulong)_bytes || bytes > (ulong)_bytes - offset) return default;
            // SAFETY: the range was just checked against the mapping.
            return new Span<byte>(_page + offset, (int)bytes);
        }
    }

    // SAFETY: see above; the kernel aligns every field to its size.
    private ref T Field<T>(int offset)
        where T : unmanaged => ref Unsafe.AsRef<T>(_page + offset);
}
