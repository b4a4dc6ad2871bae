using System.Text;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>Holds our copies of the numbers and structures behind sessions, terminals and sockets of a guest against the system's headers.</summary>
public sealed class SessionHeaderTests
{
    private const string Headers = """
        #define _GNU_SOURCE
        #include <stddef.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <pwd.h>
        #include <signal.h>
        #include <spawn.h>
        #include <termios.h>
        #include <sys/ioctl.h>
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <linux/vm_sockets.h>

        """;

    [CompilerFact]
    public void Numbers_are_the_systems()
    {
        var source = new StringBuilder();
        Assert.Equal(3, CHeader.CheckConstants(source, typeof(PosixSpawn), "POSIX_SPAWN_"));
        Assert.True(CHeader.CheckConstants(source, typeof(SessionProcess), "O_", "SIG", "SYS_") >= 3);
        Assert.True(CHeader.CheckConstants(source, typeof(PseudoTerminal), "O_", "TIOC") >= 5);
        Assert.True(CHeader.CheckConstants(source, typeof(TerminalMode), "TIOC", "TCS", "OPOST") >= 3);
        Assert.True(CHeader.CheckConstants(source, typeof(DescriptorPipe), "O_") == 2);
        Assert.Equal(1, CHeader.CheckConstants(source, typeof(VsockSocket), "AF_"));
        CHeader.Check(source, "VMADDR_CID_HOST", VsockSocket.HostId);
        CHeader.Check(source, "VMADDR_CID_ANY", uint.MaxValue);
        CHeader.Check(source, "POLLERR | POLLHUP | POLLNVAL", 0x38);
        CHeader.Compile(Headers, source.ToString());
    }

    [CompilerFact]
    public void Structures_are_the_systems()
    {
        var source = new StringBuilder();
        CHeader.Check(source, "sizeof(struct sockaddr_vm)", 16);
        CHeader.Check(source, "offsetof(struct sockaddr_vm, svm_port)", 4);
        CHeader.Check(source, "offsetof(struct sockaddr_vm, svm_cid)", 8);
        CHeader.Check(source, "sizeof(struct passwd)", 48);
        CHeader.Check(source, "offsetof(struct passwd, pw_name)", 0);
        CHeader.Check(source, "offsetof(struct passwd, pw_uid)", 16);
        CHeader.Check(source, "offsetof(struct passwd, pw_gid)", 20);
        CHeader.Check(source, "offsetof(struct passwd, pw_dir)", 32);
        CHeader.Check(source, "offsetof(struct passwd, pw_shell)", 40);
        CHeader.Check(source, "sizeof(struct winsize)", 8);
        CHeader.Check(source, "sizeof(posix_spawnattr_t) <= 48 * 8", 1);
        CHeader.Check(source, "sizeof(posix_spawn_file_actions_t) <= 16 * 8", 1);
        CHeader.Check(source, "sizeof(sigset_t) <= 16 * 8", 1);
        CHeader.Compile(Headers, source.ToString());
    }
}
