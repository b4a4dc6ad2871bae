using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Native.IoUring;

// The kernel's structures and system calls, with its names. Source: linux/io_uring.h.
public sealed partial class IoUring
{
    // The same numbers on every architecture.
    private const nint SYS_io_uring_setup = 425;
    private const nint SYS_io_uring_enter = 426;
    private const nint SYS_io_uring_register = 427;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth, nint fifth, nint sixth);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint enter(
        nint number, LinuxFile ring, nuint submit, nuint wait, nuint flags, nint signals, nint signalBytes);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint register(nint number, LinuxFile ring, nuint operation, nint argument, nuint count);

    [StructLayout(LayoutKind.Sequential)]
    internal struct io_uring_sqe
    {
        public byte opcode;
        public byte flags;
        public ushort ioprio;
        public int fd;
        public ulong off;
        public ulong addr;
        public uint len;
        public uint op_flags;
        public ulong user_data;
        public ushort buf_index;
        public ushort personality;
        public int file_index;
        public ulong addr3;
        public ulong pad2;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct io_uring_cqe
    {
        public ulong user_data;
        public int res;
        public uint flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct io_sqring_offsets
    {
        public uint head;
        public uint tail;
        public uint ring_mask;
        public uint ring_entries;
        public uint flags;
        public uint dropped;
        public uint array;
        public uint resv1;
        public ulong user_addr;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct io_cqring_offsets
    {
        public uint head;
        public uint tail;
        public uint ring_mask;
        public uint ring_entries;
        public uint overflow;
        public uint cqes;
        public uint flags;
        public uint resv1;
        public ulong user_addr;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct io_uring_params
    {
        public uint sq_entries;
        public uint cq_entries;
        public uint flags;
        public uint sq_thread_cpu;
        public uint sq_thread_idle;
        public uint features;
        public uint wq_fd;
        public uint resv0;
        public uint resv1;
        public uint resv2;
        public io_sqring_offsets sq_off;
        public io_cqring_offsets cq_off;
    }

    // Operation and flags of an entry share the byte of register_op.
    [StructLayout(LayoutKind.Sequential)]
    internal struct io_uring_restriction
    {
        public ushort opcode;
        public byte register_op;
        public byte resv;
        public uint resv20;
        public uint resv21;
        public uint resv22;
    }
}
