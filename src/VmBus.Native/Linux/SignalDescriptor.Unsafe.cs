using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A descriptor of another process's by which that process is woken: an eventfd, a socket or a pipe. Close-on-exec.</summary>
/// <remarks>
/// Signalling never waits, whatever the descriptor is, and leaves its flags alone, which it may share with its giver. Any thread.
/// A write to an eventfd waits when its counter is full, which its giver can make it at any time; what the kernel adds itself it adds without
/// waiting. So an eventfd is signalled by the completion of nothing on an io_uring of its own, one system call as a write is.
/// Source: eventfd(2), send(2), poll(2), io_uring_register(2).
/// </remarks>
public sealed partial class SignalDescriptor : SafeHandleZeroOrMinusOneIsInvalid
{
    private const int MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

    private readonly DescriptorKind _kind;
    private readonly IoUring.IoUring? _ring;
    private readonly Lock _ringGate = new();

    private SignalDescriptor(int descriptor, DescriptorKind kind)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
        _kind = kind;
        if (kind == DescriptorKind.Event) _ring = TryCreateRing();
    }

    private enum DescriptorKind
    {
        // Signalled by its ring; without one, as others are.
        Event,

        Socket,

        // Others may wait: they are written to only when there is room.
        Other,
    }

    /// <summary>Takes over a descriptor that another process has sent.</summary>
    public static SignalDescriptor Take(int descriptor)
    {
        string? target = new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;
        return new SignalDescriptor(descriptor, target switch
        {
            "anon_inode:[eventfd]" => DescriptorKind.Event,
            not null when target.StartsWith("socket:", StringComparison.Ordinal) => DescriptorKind.Socket,
            _ => DescriptorKind.Other,
        });
    }

    /// <summary>Wakes whoever waits on the other end. What it has not taken yet is signal enough, and nobody there is nobody's loss.</summary>
    public unsafe void Signal()
    {
        ulong one = 1;
        switch (_kind)
        {
            case DescriptorKind.Socket:
                // SAFETY: the kernel reads exactly 8 bytes of a local.
                _ = send(this, (nint)(&one), sizeof(ulong), MSG_DONTWAIT_NOSIGNAL);
                return;
            case DescriptorKind.Event when _ring is not null:
                lock (_ringGate)
                {
                    _ = _ring.TryNothing(0);
                    _ = _ring.Enter(0);
                    _ = _ring.TryTake(out _);
                }

                return;
            case DescriptorKind.Event or DescriptorKind.Other:
                var entry = new PollEntry { Descriptor = (int)handle, Events = Poll.POLLOUT };
                if (Poll.Wait(ref entry, 0) != 1 || entry.Ready != Poll.POLLOUT) return;
                break;
        }

        // SAFETY: the kernel reads exactly 8 bytes of a local.
        _ = write(this, (nint)(&one), sizeof(ulong));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _ring?.Dispose();
        base.Dispose(disposing);
    }

    private IoUring.IoUring? TryCreateRing()
    {
        IoUring.IoUring? ring = IoUring.IoUring.TryCreate(1, 2, IoUring.IoUringSetup.None, out _);
        if (ring is null || ring.SignalCompletions(this) == 0) return ring;
        ring.Dispose();
        return null;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(SignalDescriptor file, nint buffer, nint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(SignalDescriptor socket, nint buffer, nint bytes, int flags);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
