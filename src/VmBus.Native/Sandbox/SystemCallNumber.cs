namespace VmBus.Native.Sandbox;

/// <summary>Numbers of system calls on x86-64, with the kernel's names. Source: asm/unistd_64.h.</summary>
internal static class SystemCallNumber
{
    // What a partition never does: to look into other processes, to change the host, to reach the kernel by more of its interfaces.
    internal const uint SYS_ptrace = 101;
    internal const uint SYS_process_vm_readv = 310;
    internal const uint SYS_process_vm_writev = 311;
    internal const uint SYS_kcmp = 312;
    internal const uint SYS_pidfd_getfd = 438;
    internal const uint SYS_bpf = 321;
    internal const uint SYS_perf_event_open = 298;
    internal const uint SYS_userfaultfd = 323;
    internal const uint SYS_fanotify_init = 300;
    internal const uint SYS_io_uring_setup = 425;
    internal const uint SYS_add_key = 248;
    internal const uint SYS_request_key = 249;
    internal const uint SYS_keyctl = 250;
    internal const uint SYS_init_module = 175;
    internal const uint SYS_finit_module = 313;
    internal const uint SYS_delete_module = 176;
    internal const uint SYS_kexec_load = 246;
    internal const uint SYS_kexec_file_load = 320;
    internal const uint SYS_reboot = 169;
    internal const uint SYS_swapon = 167;
    internal const uint SYS_swapoff = 168;
    internal const uint SYS_iopl = 172;
    internal const uint SYS_ioperm = 173;
    internal const uint SYS_modify_ldt = 154;
    internal const uint SYS_settimeofday = 164;
    internal const uint SYS_clock_settime = 227;
    internal const uint SYS_clock_adjtime = 305;
    internal const uint SYS_adjtimex = 159;
    internal const uint SYS_sethostname = 170;
    internal const uint SYS_setdomainname = 171;
    internal const uint SYS_acct = 163;
    internal const uint SYS_quotactl = 179;
    internal const uint SYS_syslog = 103;
    internal const uint SYS_vhangup = 153;
    internal const uint SYS_uselib = 134;
    internal const uint SYS_sysfs = 139;
    internal const uint SYS_ustat = 136;
    internal const uint SYS_personality = 135;
    internal const uint SYS_name_to_handle_at = 303;
    internal const uint SYS_open_by_handle_at = 304;
    internal const uint SYS_mknod = 133;
    internal const uint SYS_mknodat = 259;
    internal const uint SYS_migrate_pages = 256;
    internal const uint SYS_move_pages = 279;

    // What passt and other programs that a partition starts need, and the partition itself does not.
    internal const uint SYS_execve = 59;
    internal const uint SYS_execveat = 322;
    internal const uint SYS_fork = 57;
    internal const uint SYS_vfork = 58;
    internal const uint SYS_mount = 165;
    internal const uint SYS_umount2 = 166;
    internal const uint SYS_pivot_root = 155;
    internal const uint SYS_chroot = 161;
    internal const uint SYS_open_tree = 428;
    internal const uint SYS_move_mount = 429;
    internal const uint SYS_fsopen = 430;
    internal const uint SYS_fsconfig = 431;
    internal const uint SYS_fsmount = 432;
    internal const uint SYS_fspick = 433;
    internal const uint SYS_unshare = 272;
    internal const uint SYS_setns = 308;
    internal const uint SYS_setuid = 105;
    internal const uint SYS_setgid = 106;
    internal const uint SYS_setreuid = 113;
    internal const uint SYS_setregid = 114;
    internal const uint SYS_setgroups = 116;
    internal const uint SYS_setresuid = 117;
    internal const uint SYS_setresgid = 119;

    // What depends on an argument.
    internal const uint SYS_socket = 41;
    internal const uint SYS_socketpair = 53;
    internal const uint SYS_clone = 56;
    internal const uint SYS_clone3 = 435;
}
