using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using VmBus.Native.IoUring;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;
using Xunit;

namespace VmBus.Native.Tests.Sandbox;

/// <summary>The filter in the kernel, on threads that end with it, and its numbers.</summary>
public sealed partial class SystemCallFilterTests
{
    [CompilerFact]
    public void Numbers_are_the_kernels()
    {
        var source = new StringBuilder();
        Assert.True(CHeader.CheckConstants(source, typeof(SystemCallNumber), "SYS_") >= 70);
        Assert.True(CHeader.CheckConstants(source, typeof(SystemCallFilter), "SYS_", "SECCOMP_", "AUDIT_", "PR_", "CLONE_") >= 9);
        CHeader.Check(source, "offsetof(struct seccomp_data, arch)", 4);
        CHeader.Check(source, "offsetof(struct seccomp_data, args)", 16);
        CHeader.Check(source, "BPF_LD | BPF_W | BPF_ABS", 0x20);
        CHeader.Check(source, "BPF_JMP | BPF_JEQ | BPF_K", 0x15);
        CHeader.Check(source, "BPF_JMP | BPF_JGE | BPF_K", 0x35);
        CHeader.Check(source, "BPF_JMP | BPF_JSET | BPF_K", 0x45);
        CHeader.Check(source, "BPF_RET | BPF_K", 0x06);
        CHeader.Compile(
            "#define _GNU_SOURCE\n#include <stddef.h>\n#include <sched.h>\n#include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <linux/audit.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n",
            source.ToString());
    }

    [Fact]
    public void What_is_denied_fails_and_what_a_partition_needs_goes_on() => Filtered(allowsPrograms: false, static () =>
    {
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_ptrace));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_bpf));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_keyctl));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_mount));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_unshare));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_execve));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_execveat, -1));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_io_uring_setup));
        Assert.Equal(Errno.ENOSYS, Call(SystemCallNumber.SYS_clone3));
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_clone, 17));
        // AF_INET, AF_PACKET, AF_ALG, AF_VSOCK.
        foreach (int family in new[] { 2, 17, 38, 40 })
        {
            Assert.Equal(Errno.EAFNOSUPPORT, Call(SystemCallNumber.SYS_socket, family, 1));
            Assert.Equal(Errno.EAFNOSUPPORT, Call(SystemCallNumber.SYS_socketpair, family, 1));
        }

        new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified).Dispose();
        RouteSocket.Open().Dispose();
        var thread = new Thread(static () => { });
        thread.Start();
        thread.Join();
        Assert.NotEmpty(File.ReadAllText("/proc/self/status"));
    });

    [Fact]
    public void Programs_can_be_started_where_they_are_allowed_and_have_the_rest_of_the_filter_too() => Filtered(allowsPrograms: true, static () =>
    {
        Assert.Equal(Errno.EPERM, Call(SystemCallNumber.SYS_ptrace));
        Assert.Equal(Errno.EAFNOSUPPORT, Call(SystemCallNumber.SYS_socket, 17, 3));
        using SessionProcess child = SessionProcess.TryStart(new SessionProgram("/bin/grep", ["grep", "-qx", "NoNewPrivs:.1", "/proc/self/status"], [], "/"), out int errno)!;
        Assert.Equal(0, errno);
        Assert.Equal((0, 0), child.Reap());
        using SessionProcess other = SessionProcess.TryStart(new SessionProgram("/bin/grep", ["grep", "-qx", "Seccomp:.2", "/proc/self/status"], [], "/"), out _)!;
        Assert.Equal((0, 0), other.Reap());
    });

    [Fact]
    public void Filter_of_a_thread_is_not_its_processs()
    {
        Assert.True(SystemCallFilter.IsPossible());
        Assert.False(SystemCallFilter.DeniesPrograms);
        using Process child = Process.Start("/bin/true");
        child.WaitForExit();
        Assert.Equal(0, child.ExitCode);
    }

    [Fact]
    public void Ring_does_what_partitions_need_and_nothing_else()
    {
        using IoUring.IoUring ring = IoUring.IoUring.TryCreate(4, 8, IoUringSetup.None, out int errno)!;
        Assert.Equal(0, errno);
        Assert.Equal(0, Complete(ring, static ring => ring.TryNothing(1)));
        // IORING_OP_OPENAT, IORING_OP_SOCKET, IORING_OP_CONNECT.
        foreach (byte operation in new byte[] { 18, 45, 16 }) Assert.Equal(-Errno.EACCES, Complete(ring, ring => ring.TryPrepare(operation, -1, 0, 0, 0, 0, 1)));
        using var signal = EventFd.Create();
        Assert.Equal(0, ring.SignalCompletions(signal));
    }

    private static int Complete(IoUring.IoUring ring, Func<IoUring.IoUring, bool> prepare)
    {
        Assert.True(prepare(ring));
        Assert.Equal(0, ring.Enter(1));
        Assert.True(ring.TryTake(out IoUringCompletion completion));
        return completion.Result;
    }

    private static void Filtered(bool allowsPrograms, Action body)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Assert.Equal(0, SystemCallFilter.TryInstallOnThread(allowsPrograms));
                body();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) throw new InvalidOperationException(failure.Message, failure);
    }

    private static int Call(uint number, nint first = 0, nint second = 0) => syscall((nint)number, first, second, 0, 0, 0) < 0 ? Marshal.GetLastPInvokeError() : 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth, nint fifth);
}
