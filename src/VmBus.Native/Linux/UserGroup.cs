using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>Groups of users by name. Source: getgrnam(3).</summary>
public static partial class UserGroup
{
    // struct group: name, password, the id behind these two pointers, members.
    private const int StructureBytes = 32;
    private const int IdOffset = 16;
    private const int ERANGE = 34;
    private const int MaximumBytes = 1 << 20;

    /// <summary>Finds a group by its name, or by its number in decimal.</summary>
    public static bool TryFind(string name, out uint id)
    {
        if (uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out id)) return true;
        Span<byte> group = stackalloc byte[StructureBytes];
        // Members are written there too, and a group may have many.
        for (int bytes = 4096; bytes <= MaximumBytes; bytes *= 4)
        {
            int error = getgrnam_r(name, group, new byte[bytes], (nuint)bytes, out nint found);
            if (error == ERANGE) continue;
            id = BinaryPrimitives.ReadUInt32LittleEndian(group[IdOffset..]);
            return error == 0 && found != 0;
        }

        return false;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getgrnam_r(string name, Span<byte> group, byte[] strings, nuint bytes, out nint found);
}
