using System.Runtime.InteropServices;

namespace VmBus.Native.Nbd;

// The library's functions, with its names. Source: libnbd.h.
public sealed partial class NbdConnection
{
    [LibraryImport(Library)]
    private static partial nint nbd_create();

    [LibraryImport(Library)]
    private static partial void nbd_close(nint connection);

    [LibraryImport(Library)]
    private static partial nint nbd_get_error();

    [LibraryImport(Library)]
    private static partial int nbd_get_errno();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int nbd_connect_unix(NbdConnection connection, string path);

    [LibraryImport(Library)]
    private static partial int nbd_set_pread_initialize(NbdConnection connection, byte request);

    [LibraryImport(Library)]
    private static partial long nbd_get_size(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_is_read_only(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_can_flush(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_can_fua(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_can_trim(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_can_zero(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_get_fd(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial uint nbd_aio_get_direction(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_dead(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_is_closed(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_notify_read(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_notify_write(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial long nbd_aio_peek_command_completed(NbdConnection connection);

    [LibraryImport(Library)]
    private static partial int nbd_aio_command_completed(NbdConnection connection, ulong cookie);

    [LibraryImport(Library)]
    private static partial long nbd_aio_pread(
        NbdConnection connection, nint buffer, nuint bytes, ulong offset, nbd_completion_callback completion, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_pwrite(
        NbdConnection connection, nint buffer, nuint bytes, ulong offset, nbd_completion_callback completion, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_flush(NbdConnection connection, nbd_completion_callback completion, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_trim(
        NbdConnection connection, ulong bytes, ulong offset, nbd_completion_callback completion, uint flags);

    [LibraryImport(Library)]
    private static partial long nbd_aio_zero(
        NbdConnection connection, ulong bytes, ulong offset, nbd_completion_callback completion, uint flags);

    // Passed by value; all zero means that the command is polled for.
    [StructLayout(LayoutKind.Sequential)]
    private struct nbd_completion_callback
    {
        public nint callback;
        public nint user_data;
        public nint free;
    }
}
