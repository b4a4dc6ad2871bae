namespace VmBus.Host.Images;

/// <summary>One entry of an image's boot loader configuration. Every text is the image's, without control characters.</summary>
/// <param name="Reader">Whose configuration names it: grub, bls or extlinux.</param>
/// <param name="IsDefault">Whether the image boots it when nobody chooses.</param>
/// <param name="Id">Its id.</param>
/// <param name="Title">Its title, below those of its submenus with a <c>&gt;</c> between them.</param>
/// <param name="Kernel">Its kernel, as a path of the loader: /fs/PARTITION/path.</param>
/// <param name="Initrds">Its initial RAM disks, likewise, with spaces between them.</param>
/// <param name="Options">Its kernel command line.</param>
public sealed record BootEntry(string Reader, bool IsDefault, string Id, string Title, string Kernel, string Initrds, string Options)
{
    private const int Fields = 7;

    /// <summary>Reads a line of the loader: the fields with tabs between them.</summary>
    /// <returns>Null when it is no such line.</returns>
    public static BootEntry? Parse(string line)
    {
        string[] fields = line.Split('\t');
        if (fields.Length != Fields) return null;
        for (int i = 0; i < fields.Length; i++) fields[i] = LoaderText.Clean(fields[i]);
        return new BootEntry(fields[0], fields[1] == "1", fields[2], fields[3], fields[4], fields[5], fields[6]);
    }
}
