using System.Runtime.InteropServices;
using VmBus.Native.Linux;
using static VmBus.Native.Sandbox.SystemCallNumber;

namespace VmBus.Native.Sandbox;

/// <summary>A list of system calls that the kernel refuses to this process from now on, whatever becomes of the process.</summary>
/// <remarks>
/// A list of what is denied: a list of what is allowed would break with the next version of the runtime or the C library. What is on it fails with EPERM (an address
/// family: EAFNOSUPPORT), so that whatever asks for it finds out. ioctl is not looked into: the kernel answers at once for calls that no argument decides, and KVM_RUN is
/// an ioctl. Any thread. Source: seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
/// </remarks>
public static unsafe partial class SystemCallFilter
{
    /// <summary>Why no program can be started, and what to do, for a message.</summary>
    public const string ProgramCure = "this partition starts no programs once it runs (start it with --sandbox spawn, or by the service, which starts them for it)";

    private const nint SYS_seccomp = 317;
    private const nint SECCOMP_SET_MODE_FILTER = 1;
    private const nint SECCOMP_FILTER_FLAG_TSYNC = 1;
    private const nint SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;
    private const uint SECCOMP_RET_KILL_PROCESS = 0x80000000;
    private const uint SECCOMP_RET_ERRNO = 0x00050000;
    private const uint SECCOMP_RET_ALLOW = 0x7FFF0000;
    private const uint AUDIT_ARCH_X86_64 = 0xC000003E;
    private const uint X32_SYSCALL_BIT = 0x40000000;
    private const int PR_SET_NO_NEW_PRIVS = 38;
    private const uint CLONE_THREAD = 0x00010000;

    // struct seccomp_data: the number, the architecture, and the low halves of the arguments.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint FirstArgumentOffset = 16;

    private const ushort BPF_LD_W_ABS = 0x20;
    private const ushort BPF_JMP_JEQ_K = 0x15;
    private const ushort BPF_JMP_JGE_K = 0x35;
    private const ushort BPF_JMP_JSET_K = 0x45;
    private const ushort BPF_RET_K = 0x06;

    private static readonly uint[] DeniedAlways =
    [
        SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_fanotify_init, SYS_io_uring_setup,
        SYS_add_key, SYS_request_key, SYS_keyctl, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load, SYS_reboot, SYS_swapon, SYS_swapoff,
        SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_acct, SYS_quotactl,
        SYS_syslog, SYS_vhangup, SYS_uselib, SYS_sysfs, SYS_ustat, SYS_personality, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_mknod, SYS_mknodat, SYS_migrate_pages,
        SYS_move_pages,
    ];

    private static readonly uint[] DeniedWithoutPrograms =
    [
        SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
        SYS_fspick, SYS_unshare, SYS_setns, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setgroups, SYS_setresuid, SYS_setresgid,
    ];

    // AF_UNIX and AF_NETLINK are the partition's own; AF_INET and AF_INET6 are passt's.
    private static readonly uint[] Families = [1, 16];
    private static readonly uint[] ProgramFamilies = [1, 2, 10, 16];

    private static volatile bool _deniesPrograms;

    /// <summary>Whether this process can start no programs any more.</summary>
    public static bool DeniesPrograms => _deniesPrograms;

    /// <summary>Denies them to every thread of this process, and to what it starts. The process, and what it starts, cannot gain privileges from then on.</summary>
    /// <param name="allowsPrograms">Whether it may start programs, which then may also make namespaces and mounts as far as their privileges go.</param>
    /// <returns>0, or the errno of a kernel that has no such filters.</returns>
    public static int TryInstall(bool allowsPrograms)
    {
        int errno = TryInstall(Build(allowsPrograms), SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
        if (errno == 0 && !allowsPrograms) _deniesPrograms = true;
        return errno;
    }

    /// <summary>Whether the kernel takes such a filter; tried on a thread that ends with it.</summary>
    public static bool IsPossible()
    {
        int errno = -1;
        var thread = new Thread(() => errno = TryInstallOnThread(allowsPrograms: false)) { Name = "filter-probe", IsBackground = true };
        thread.Start();
        thread.Join();
        return errno == 0;
    }

    /// <summary>Denies them to the calling thread alone, and to threads that it starts.</summary>
    internal static int TryInstallOnThread(bool allowsPrograms) => TryInstall(Build(allowsPrograms), SECCOMP_FILTER_FLAG_SPEC_ALLOW);

    /// <summary>The filter's program.</summary>
    internal static BpfInstruction[] Build(bool allowsPrograms)
    {
        uint[] denied = allowsPrograms ? DeniedAlways : [.. DeniedAlways, .. DeniedWithoutPrograms];
        uint[] families = allowsPrograms ? ProgramFamilies : Families;
        List<BpfInstruction> program =
        [
            new(BPF_LD_W_ABS, 0, 0, ArchitectureOffset),
            new(BPF_JMP_JEQ_K, 1, 0, AUDIT_ARCH_X86_64),
            new(BPF_RET_K, 0, 0, SECCOMP_RET_KILL_PROCESS),
            new(BPF_LD_W_ABS, 0, 0, NumberOffset),
            new(BPF_JMP_JGE_K, 0, 1, X32_SYSCALL_BIT),
            new(BPF_RET_K, 0, 0, Refusal(Errno.EPERM)),
        ];

        foreach (uint number in denied) program.AddRange([new(BPF_JMP_JEQ_K, 0, 1, number), new(BPF_RET_K, 0, 0, Refusal(Errno.EPERM))]);
        program.AddRange(
        [
            new(BPF_JMP_JEQ_K, 1, 0, SYS_socket),
            new(BPF_JMP_JEQ_K, 0, (byte)((2 * families.Length) + 2), SYS_socketpair),
            new(BPF_LD_W_ABS, 0, 0, FirstArgumentOffset),
        ]);
        foreach (uint family in families) program.AddRange([new(BPF_JMP_JEQ_K, 0, 1, family), new(BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW)]);
        program.Add(new(BPF_RET_K, 0, 0, Refusal(Errno.EAFNOSUPPORT)));
        if (!allowsPrograms)
        {
            // Threads may be made. What clone3 makes is in memory, where a filter does not look: without it the C library takes clone.
            program.AddRange(
            [
                new(BPF_JMP_JEQ_K, 0, 1, SYS_clone3),
                new(BPF_RET_K, 0, 0, Refusal(Errno.ENOSYS)),
                new(BPF_JMP_JEQ_K, 0, 3, SYS_clone),
                new(BPF_LD_W_ABS, 0, 0, FirstArgumentOffset),
                new(BPF_JMP_JSET_K, 1, 0, CLONE_THREAD),
                new(BPF_RET_K, 0, 0, Refusal(Errno.EPERM)),
            ]);
        }

        program.Add(new(BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW));
        return [.. program];
    }

    private static uint Refusal(int errno) => SECCOMP_RET_ERRNO | (uint)errno;

    private static int TryInstall(BpfInstruction[] program, nint flags)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64) return Errno.ENOSYS;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Marshal.GetLastPInvokeError();
        fixed (BpfInstruction* first = program)
        {
            // struct sock_fprog: a count in two bytes and, aligned, the program. SAFETY: the kernel copies both before it returns.
            FilterProgram description = new() { Count = (ushort)program.Length, Instructions = (nint)first };
            nint result = seccomp(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, (nint)(&description));
            // A positive number is a thread that could not follow.
            return result == 0 ? 0 : result > 0 ? Errno.EBUSY : Marshal.GetLastPInvokeError();
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint seccomp(nint number, nint operation, nint flags, nint program);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int prctl(int option, nuint second, nuint third, nuint fourth, nuint fifth);

    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Count;
        public nint Instructions;
    }
}
