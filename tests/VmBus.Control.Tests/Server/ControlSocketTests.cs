using System.Diagnostics;
using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>Whose the socket is, who may use it, and what happens to what was there before.</summary>
public sealed class ControlSocketTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-socket-").FullName;

    private string SocketPath => Path.Combine(_folder, "control");

    [Fact]
    public void Socket_is_the_owners_alone_and_removed_at_the_end()
    {
        using (Claim())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
            Assert.Equal([SocketPath], Directory.GetFileSystemEntries(_folder));
        }

        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Socket_of_a_group_is_for_its_members()
    {
        using ControlSocket socket = ControlSocket.Claim(ControlSocketOptions.Parse($"{SocketPath},group={OwnGroup()}"));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite, File.GetUnixFileMode(SocketPath));
    }

    [Fact]
    public void Group_that_does_not_exist_is_refused_by_name()
        => Assert.Contains(
            "no-such-group",
            Assert.ThrowsAny<IOException>(() => ControlSocket.Claim(ControlSocketOptions.Parse($"{SocketPath},group=no-such-group"))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("/run/a", "/run/a", null)]
    [InlineData("/run/a,b,group=kvm", "/run/a,b", "kvm")]
    [InlineData("/run/a,group=b,group=12", "/run/a,group=b", "12")]
    public void Options_are_a_path_and_perhaps_a_group(string text, string path, string? group)
        => Assert.Equal(new ControlSocketOptions(path, group), ControlSocketOptions.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(",group=kvm")]
    [InlineData("/run/a,group=")]
    public void Options_without_a_path_or_group_are_refused(string text) => Assert.Throws<FormatException>(() => ControlSocketOptions.Parse(text));

    [Fact]
    public void Socket_that_a_dead_process_left_is_replaced()
    {
        Run("import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", SocketPath);
        Assert.True(FileStatus.IsSocket(SocketPath));
        using ControlSocket socket = Claim();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
    }

    [Fact]
    public void Socket_where_somebody_answers_is_refused_and_stays()
    {
        using ControlSocket first = Claim();
        IOException refusal = Assert.ThrowsAny<IOException>(Claim);
        Assert.Contains("another process answers there", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(SocketPath));
    }

    [Fact]
    public void Of_many_that_want_a_dead_socket_at_once_one_gets_it()
    {
        Run("import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", SocketPath);
        ControlSocket?[] claims = new ControlSocket?[8];
        Thread[] threads = [.. Enumerable.Range(0, claims.Length).Select(index => new Thread(() =>
        {
            try
            {
                claims[index] = Claim();
            }
            catch (IOException)
            {
                // Another was first.
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        ControlSocket claim = Assert.Single(claims, claimed => claimed is not null)!;
        using (claim)
        {
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(new UnixDomainSocketEndPoint(SocketPath));
        }
    }

    [Theory]
    [InlineData("file")]
    [InlineData("folder")]
    public void Something_else_in_its_place_is_refused_and_stays(string kind)
    {
        if (kind == "file") File.WriteAllText(SocketPath, "precious");
        else Directory.CreateDirectory(SocketPath);
        Assert.Contains("something else is there", Assert.ThrowsAny<IOException>(Claim).Message, StringComparison.Ordinal);
        if (kind == "file") Assert.Equal("precious", File.ReadAllText(SocketPath));
        else Assert.True(Directory.Exists(SocketPath));
    }

    [Theory]
    [InlineData("/nowhere/at/all/control")]
    [InlineData("/tmp/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890")]
    public void Path_that_cannot_be_is_refused_by_name(string path)
    {
        IOException refusal = Assert.ThrowsAny<IOException>(() => ControlSocket.Claim(new ControlSocketOptions(path, null)));
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0u, true)]
    [InlineData(1000u, true)]
    [InlineData(1001u, false)]
    [InlineData(1002u, true)]
    public void Root_the_owner_and_the_group_may_use_it_and_no_others(uint user, bool may)
        => Assert.Equal(may, new PeerCredentials(1, user, new HashSet<uint> { 7, user == 1002 ? 44u : 45 }).MayUse(owner: 1000, group: 44));

    [Fact]
    public void Without_a_group_no_group_may() => Assert.False(new PeerCredentials(1, 1001, new HashSet<uint> { 0, 1000 }).MayUse(owner: 1000, group: null));

    /// <summary>The file's mode would keep these users away already, so it is opened to all.</summary>
    [RootTheory]
    [InlineData("--reuid 65534 --regid 65534 --clear-groups", "Denied")]
    [InlineData("--reuid 65534 --regid 65534 --groups 4242", "hello")]
    [InlineData("--reuid 65534 --regid 4242 --clear-groups", "hello")]
    [InlineData("--reuid 0 --regid 0 --clear-groups", "hello")]
    public void Kernel_says_who_has_connected(string credentials, string answer)
    {
        using var server = new RunningServer(group: "4242");
        File.SetUnixFileMode(Path.GetDirectoryName(server.Path)!, (UnixFileMode)0x1FF);
        File.SetUnixFileMode(server.Path, (UnixFileMode)0x1FF);
        const string Program =
            """
            import socket, sys, struct, msgpack
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
            m = msgpack.packb([0, 1, 'hello', {'client': 'python', 'least': 1, 'most': 1}])
            try: s.sendall(struct.pack('<I', len(m)) + m)
            except OSError: pass
            n, = struct.unpack('<I', s.recv(4, socket.MSG_WAITALL))
            kind, number, error, result = msgpack.unpackb(s.recv(n, socket.MSG_WAITALL))
            print('hello' if error is None and result['server'] == 'test 1.0' else 'Denied' if error[0] == 3 else error)
            """;
        Assert.Equal(answer, Run(Program, server.Path, ["setpriv", .. credentials.Split(' '), "--"]).Trim());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ControlSocket Claim() => ControlSocket.Claim(new ControlSocketOptions(SocketPath, null));

    private static string OwnGroup() => Run("import os; print(os.getgid())", "").Trim();

    private static string Run(string program, string argument, params string[] before)
    {
        string[] words = [.. before, "/usr/bin/python3", "-c", program, argument];
        using Process process = Process.Start(
            new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
