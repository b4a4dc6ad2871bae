using System.Net.Sockets;
using VmBus.Native.Linux;

namespace VmBus.Control.Server;

/// <summary>A control socket that is this process's: made, guarded by its mode, removed when disposed.</summary>
/// <remarks>Source: protocol-spec/control.md#socket.</remarks>
public sealed class ControlSocket : IDisposable
{
    private const int Backlog = 128;

    private ControlSocket(Socket listener, string path, uint? group)
    {
        Listener = listener;
        Path = path;
        Group = group;
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>The socket, which listens.</summary>
    public Socket Listener { get; }

    /// <summary>The group whose members may use it beside the owner and root.</summary>
    internal uint? Group { get; }

    /// <summary>Makes the socket. One that a dead process has left is replaced.</summary>
    /// <exception cref="IOException">Somebody answers there, something else is there, it cannot be made, or there is no such group.</exception>
    public static ControlSocket Claim(ControlSocketOptions options)
    {
        uint? group = FindGroup(options);
        string path = System.IO.Path.GetFullPath(options.Path);
        try
        {
            // Two that start at once take turns: else both could find the same dead socket, and the second remove the first one's.
            using FileStream turn = new(path + ".lock", FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 0, FileOptions.DeleteOnClose);
            RemoveDead(path);
            return new ControlSocket(Listen(path, group), path, group);
        }
        catch (Exception exception) when (exception is not ClaimException
            && exception is IOException or UnauthorizedAccessException or SocketException or ArgumentException)
        {
            throw Bad(options.Path, $"{exception.Message.ReplaceLineEndings(" ").TrimEnd('.')}: choose a path in a folder that can be written", exception);
        }
    }

    /// <summary>Takes over a socket that listens already, at the path of the options.</summary>
    /// <exception cref="IOException">There is no such group.</exception>
    public static ControlSocket Take(LinuxFile open, ControlSocketOptions options)
        => new(new Socket(new SafeSocketHandle(open.Release(), ownsHandle: true)), System.IO.Path.GetFullPath(options.Path), FindGroup(options));

    /// <summary>Stops listening and removes the file, where that may be.</summary>
    public void Dispose()
    {
        Listener.Dispose();
        try
        {
            File.Delete(Path);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            // It is in a folder of whoever has made it for this process, which may not even see that.
        }
    }

    private static uint? FindGroup(ControlSocketOptions options)
        => options.Group is not { } name ? null
            : UserGroup.TryFind(name, out uint id) ? id
            : throw Bad(options.Path, $"there is no group '{name}': make it, or name another");

    private static void RemoveDead(string path)
    {
        if (!File.Exists(path) && !Directory.Exists(path)) return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        // A living process that takes no connections now must not hold this one up.
        probe.Blocking = false;
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        // Connecting to a file of another kind is refused as well.
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused && FileStatus.IsSocket(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // Its queue is full: it lives.
        }
        catch (SocketException)
        {
            throw Bad(path, "something else is there: choose another path");
        }

        throw Bad(path, "another process answers there: choose another path, or end that one");
    }

    private static Socket Listen(string path, uint? group)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            if (group is { } id) FileOwner.GiveToGroup(path, id);
            UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            File.SetUnixFileMode(path, group is null ? mode : mode | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
            // Nobody can connect before this, so nobody does with the mode that the file was made with.
            listener.Listen(Backlog);
            return listener;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    private static ClaimException Bad(string path, string problem, Exception? inner = null) => new($"Control socket '{path}': {problem}.", inner);

    // Tells what is worded already from what the system says.
    private sealed class ClaimException(string message, Exception? inner) : IOException(message, inner);
}
