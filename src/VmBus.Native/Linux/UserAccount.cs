using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>A user of this machine. Any thread. Source: getpwnam(3), getpwuid(3).</summary>
/// <param name="Name">The user's name.</param>
/// <param name="Id">The user's number.</param>
/// <param name="GroupId">The number of the user's own group.</param>
/// <param name="Home">The user's folder, which need not exist.</param>
/// <param name="Shell">The user's shell; may be empty.</param>
public sealed partial record UserAccount(string Name, uint Id, uint GroupId, string Home, string Shell)
{
    // struct passwd: name, password, two numbers, description, folder, shell.
    private const int StructureBytes = 48;
    private const int UserOffset = 16;
    private const int GroupOffset = 20;
    private const int FolderOffset = 32;
    private const int ShellOffset = 40;
    private const int TextBytes = 1 << 16;

    /// <summary>The user that this process acts as; one who is in no list has the number as name and no folder.</summary>
    public static UserAccount Current
    {
        get
        {
            uint id = geteuid();
            return Find((structure, text) => getpwuid_r(id, structure, text, TextBytes, out nint found) == 0 ? found : 0)
                ?? new UserAccount(id.ToString(System.Globalization.CultureInfo.InvariantCulture), id, getegid(), "/", "");
        }
    }

    /// <summary>Finds a user by name.</summary>
    /// <returns>Null when there is none.</returns>
    public static UserAccount? TryFind(string name)
        => Find((structure, text) => getpwnam_r(name, structure, text, TextBytes, out nint found) == 0 ? found : 0);

    private static UserAccount? Find(Func<nint, nint, nint> look)
    {
        // The structure points into the text, so both stay where they are.
        nint structure = Marshal.AllocHGlobal(StructureBytes + TextBytes);
        try
        {
            if (look(structure, structure + StructureBytes) == 0) return null;
            return new UserAccount(
                Text(structure, 0), (uint)Marshal.ReadInt32(structure, UserOffset), (uint)Marshal.ReadInt32(structure, GroupOffset), Text(structure, FolderOffset),
                Text(structure, ShellOffset));
        }
        finally
        {
            Marshal.FreeHGlobal(structure);
        }
    }

    private static string Text(nint structure, int offset) => Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(structure, offset)) ?? "";

    [LibraryImport("libc")]
    private static partial uint geteuid();

    [LibraryImport("libc")]
    private static partial uint getegid();

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getpwnam_r(string name, nint structure, nint text, nuint bytes, out nint found);

    [LibraryImport("libc")]
    private static partial int getpwuid_r(uint id, nint structure, nint text, nuint bytes, out nint found);
}
