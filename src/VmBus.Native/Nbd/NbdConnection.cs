using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;

namespace VmBus.Native.Nbd;

/// <summary>One connection to an NBD server through libnbd, driven by its owner: nothing here blocks once it is connected.</summary>
/// <remarks>
/// One thread at a time. A command is started, gets a cookie, and is over when <see cref="TryTakeCompleted"/> names it. Buffers stay in
/// place until then. Source: libnbd(3), nbd_aio_pread(3).
/// </remarks>
public sealed partial class NbdConnection : SafeHandleZeroOrMinusOneIsInvalid
{
    private const string Library = "libnbd.so.0";

    private NbdConnection(nint connection)
        : base(ownsHandle: true) => SetHandle(connection);

    /// <summary>Whether the library is installed.</summary>
    public static bool IsInstalled { get; } = NativeLibrary.TryLoad(Library, out _);

    /// <summary>The export's size and abilities.</summary>
    public NbdExport Export { get; private set; }

    /// <summary>The socket, for waiting; it belongs to the connection.</summary>
    public SafeHandle Socket { get; private set; } = new SafeFileHandle(-1, ownsHandle: false);

    /// <summary>What the connection waits for now.</summary>
    public NbdDirection Direction => (NbdDirection)nbd_aio_get_direction(this);

    /// <summary>Whether the server is gone; then nothing can be started, and what was in flight completes with an error.</summary>
    public bool IsDead => nbd_aio_is_dead(this) != 0 || nbd_aio_is_closed(this) != 0;

    /// <summary>Connects and negotiates. Blocks.</summary>
    /// <returns>Null, with the library's words, when there is no server or it refuses.</returns>
    public static NbdConnection? TryConnect(string socketPath, out string error)
    {
        error = string.Empty;
        var connection = new NbdConnection(nbd_create());
        if (!connection.IsInvalid && nbd_connect_unix(connection, socketPath) == 0)
        {
            // Reads fill their buffers or fail; clearing guest memory first would only cost time.
            _ = nbd_set_pread_initialize(connection, 0);
            connection.Describe();
            return connection;
        }

        error = LastError();
        connection.Dispose();
        return null;
    }

    /// <summary>
    /// Another descriptor of the socket, which belongs to the caller. The server sees its client go when both are closed; nothing may be sent by it.
    /// </summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public LinuxFile ShareSocket()
    {
        var socket = new LinuxFile(nbd_aio_get_fd(this));
        try
        {
            return socket.Duplicate();
        }
        finally
        {
            _ = socket.Release();
        }
    }

    /// <summary>Starts a read into one buffer.</summary>
    /// <returns>A cookie above 0, or negative errno.</returns>
    public long Read(nint address, int bytes, long offset) => Started(nbd_aio_pread(this, address, (nuint)bytes, (ulong)offset, default, 0));

    /// <summary>Starts a write of one buffer.</summary>
    /// <returns>A cookie above 0, or negative errno.</returns>
    public long Write(nint address, int bytes, long offset, NbdCommandFlags flags) =>
        Started(nbd_aio_pwrite(this, address, (nuint)bytes, (ulong)offset, default, (uint)flags));

    /// <summary>Starts a flush.</summary>
    /// <returns>A cookie above 0, or negative errno.</returns>
    public long Flush() => Started(nbd_aio_flush(this, default, 0));

    /// <summary>Starts freeing a range.</summary>
    /// <returns>A cookie above 0, or negative errno.</returns>
    public long Trim(long offset, long bytes) => Started(nbd_aio_trim(this, (ulong)bytes, (ulong)offset, default, 0));

    /// <summary>Starts zeroing a range.</summary>
    /// <returns>A cookie above 0, or negative errno.</returns>
    public long Zero(long offset, long bytes, NbdCommandFlags flags) =>
        Started(nbd_aio_zero(this, (ulong)bytes, (ulong)offset, default, (uint)flags));

    /// <summary>Tells the library that the socket is readable. It must be: after a call in vain, later commands are not sent.</summary>
    public void NotifyReadable() => _ = nbd_aio_notify_read(this);

    /// <summary>Tells the library that the socket is writable. It must be.</summary>
    public void NotifyWritable() => _ = nbd_aio_notify_write(this);

    /// <summary>Takes the oldest command that is over.</summary>
    /// <param name="cookie">Which one.</param>
    /// <param name="result">0, or negative errno.</param>
    /// <returns>False when none is over.</returns>
    public bool TryTakeCompleted(out long cookie, out int result)
    {
        result = 0;
        cookie = nbd_aio_peek_command_completed(this);
        if (cookie <= 0) return false;
        if (nbd_aio_command_completed(this, (ulong)cookie) < 0) result = LastErrno();
        return true;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        nbd_close(handle);
        return true;
    }

    // An error without a number still is one.
    private static int LastErrno() => nbd_get_errno() is > 0 and var errno ? -errno : -Errno.EIO;

    private static string LastError() => Marshal.PtrToStringUTF8(nbd_get_error()) ?? "unknown error";

    private static long Started(long cookie) => cookie > 0 ? cookie : LastErrno();

    private void Describe()
    {
        Export = new NbdExport(
            nbd_get_size(this),
            nbd_is_read_only(this) == 1,
            nbd_can_flush(this) == 1,
            nbd_can_fua(this) == 1,
            nbd_can_trim(this) == 1,
            nbd_can_zero(this) == 1);
        Socket = new SafeFileHandle(nbd_aio_get_fd(this), ownsHandle: false);
    }
}
