using System.Globalization;

namespace VmBus.Native.Linux;

/// <summary>The place of a listening Unix socket, by which whoever has this handle connects to it, wherever its name is and whether or not it still has one.</summary>
/// <remarks>Any thread. Source: open(2) O_PATH, unix(7).</remarks>
public sealed class SocketPlace : IDisposable
{
    /// <summary>Takes over an O_PATH handle of the socket's file.</summary>
    public SocketPlace(LinuxFile handle) => Handle = handle;

    /// <summary>The handle, which can be passed on; it stays this object's.</summary>
    public LinuxFile Handle { get; }

    /// <summary>Where this process connects to, as long as this object lives.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{Handle.Descriptor}");

    /// <summary>Lets every user connect who gets the handle.</summary>
    /// <exception cref="IOException">There is no /proc.</exception>
    public void OpenToAll() => File.SetUnixFileMode(
        Path,
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite);

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}
