using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>A file to copy into the guest.</summary>
/// <param name="Path">The file, from the root of the host.</param>
/// <param name="GuestPath">Where it goes: with a slash at its end a folder, in which it keeps its name.</param>
/// <param name="Overwrite">Whether a file that is there is replaced.</param>
/// <param name="CreatePath">Whether folders on the way are made.</param>
public sealed record CopyRequest(string Path, string GuestPath, bool Overwrite, bool CreatePath) : IControlValue<CopyRequest>
{
    /// <inheritdoc/>
    public static CopyRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new CopyRequest(map.Text("path"), map.Text("guest_path"), map.Boolean("overwrite"), map.Boolean("create_path"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(4);
        writer.Pair("path", Path);
        writer.Pair("guest_path", GuestPath);
        writer.Pair("overwrite", Overwrite);
        writer.Pair("create_path", CreatePath);
    }
}
