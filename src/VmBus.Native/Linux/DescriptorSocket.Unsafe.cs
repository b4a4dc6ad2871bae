using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VmBus.Native.Linux;

/// <summary>A connected Unix stream socket whose bytes may be accompanied by descriptors. Close-on-exec, blocking.</summary>
/// <remarks>One thread may send while another receives. Source: unix(7).</remarks>
public sealed partial class DescriptorSocket : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Descriptors that one receive takes; the kernel closes what is more.</summary>
    public const int MaximumDescriptors = DescriptorMessage.MaximumDescriptors;

    private const int SHUT_RDWR = 2;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int O_NONBLOCK = 0x800;

    private DescriptorSocket(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    /// <summary>Takes over a connection, which waits from now on.</summary>
    public static DescriptorSocket Take(LinuxFile connection)
    {
        var socket = new DescriptorSocket(connection.Descriptor);
        connection.SetHandleAsInvalid();
        int flags = fcntl(socket, F_GETFL, 0);
        if (flags >= 0) _ = fcntl(socket, F_SETFL, flags & ~O_NONBLOCK);
        return socket;
    }

    /// <summary>Sends all bytes, with a descriptor that the other end gets a copy of; waits while there is no room.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="attachment">The descriptor; none when null.</param>
    /// <param name="wait">False to give up where it would wait.</param>
    /// <returns>0, or negative errno (EPIPE when the other end is closed).</returns>
    public int Send(ReadOnlySpan<byte> data, SafeHandle? attachment = null, bool wait = true)
    {
        if (attachment is null) return Send(data, ReadOnlySpan<SafeHandle>.Empty, wait);
        return Send(data, new ReadOnlySpan<SafeHandle>(ref attachment), wait);
    }

    /// <summary>As <see cref="Send(ReadOnlySpan{byte}, SafeHandle, bool)"/>, with any number of descriptors up to <see cref="MaximumDescriptors"/>.</summary>
    public int Send(ReadOnlySpan<byte> data, ReadOnlySpan<SafeHandle> attachments, bool wait = true)
    {
        while (!data.IsEmpty)
        {
            int sent = DescriptorMessage.Send(this, data, attachments, wait);
            if (sent < 0) return sent;
            data = data[sent..];
            attachments = [];
        }

        return 0;
    }

    /// <summary>Waits for bytes and takes what is there, with the descriptors that came beside them.</summary>
    /// <param name="buffer">Where to; bytes that belong to different descriptors are never returned at once.</param>
    /// <param name="descriptors">Gets the descriptors, close-on-exec and the caller's to close; room for <see cref="MaximumDescriptors"/>.</param>
    /// <param name="count">How many.</param>
    /// <returns>Bytes; 0 when the other end is closed; negative errno.</returns>
    public int Receive(Span<byte> buffer, Span<int> descriptors, out int count) => DescriptorMessage.Receive(this, buffer, descriptors, out count, out _);

    /// <summary>Closes a descriptor that was received and is of no use.</summary>
    public static void Close(int descriptor) => DescriptorMessage.Close(descriptor);

    /// <summary>Ends the connection: both ends see it, and whoever waits wakes up.</summary>
    public void Shutdown() => _ = shutdown(this, SHUT_RDWR);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(DescriptorSocket socket, int command, int argument);

    [LibraryImport("libc")]
    private static partial int shutdown(DescriptorSocket socket, int how);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
