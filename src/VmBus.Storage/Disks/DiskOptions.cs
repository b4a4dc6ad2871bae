using System.Globalization;

namespace VmBus.Storage.Disks;

/// <summary>How the bytes of an image are arranged.</summary>
public enum DiskFormat
{
    /// <summary>Not said: the content is looked at, and only raw and ISO images are taken without being named.</summary>
    Automatic,

    /// <summary>The image is the disk, byte for byte; also block devices.</summary>
    Raw,

    /// <summary>QEMU copy on write, version 2 or 3.</summary>
    Qcow2,

    /// <summary>Hyper-V virtual hard disk, version 2.</summary>
    Vhdx,

    /// <summary>Virtual PC and Azure virtual hard disk, fixed or dynamic.</summary>
    Vhd,

    /// <summary>VMware virtual disk.</summary>
    Vmdk,

    /// <summary>A CD or DVD image: read-only, sectors of 2048 bytes.</summary>
    Iso,
}

/// <summary>What happens between the guest and the medium.</summary>
public enum DiskCache
{
    /// <summary>Through the host's page cache; durable after a flush.</summary>
    WriteBack,

    /// <summary>Past the host's page cache (O_DIRECT); durable after a flush.</summary>
    Direct,
}

/// <summary>
/// A disk as the operator describes it: <c>PATH[,format=F][,readonly][,cache=writeback|direct][,sector=512|4096][,id=ID]</c>, or
/// <c>vhost-user=PATH[,readonly][,reconnect=SECONDS][,id=ID]</c> for one that another process serves.
/// </summary>
/// <param name="Path">The image or block device, or the socket of a vhost-user back-end.</param>
public sealed record DiskOptions(string Path)
{
    private const int MaximumIdCharacters = 32;
    private const string VhostUserPrefix = "vhost-user=";

    /// <summary>Whether the medium is served by another process, over vhost-user.</summary>
    public bool IsVhostUser { get; init; }

    /// <summary>How long to wait between attempts to reach a vhost-user back-end that has gone; null for none.</summary>
    public TimeSpan? Reconnect { get; init; }

    /// <summary>What people know it by: the path, or <c>vhost-user=PATH</c>.</summary>
    public string Name => IsVhostUser ? VhostUserPrefix + Path : Path;

    /// <summary>Format of the image.</summary>
    public DiskFormat Format { get; init; }

    /// <summary>Refuse writes.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Use of the page cache.</summary>
    public DiskCache Cache { get; init; }

    /// <summary>Logical sector that the guest sees, 512 or 4096; 0 for the medium's own.</summary>
    public int SectorBytes { get; init; }

    /// <summary>The operator's name for the disk, 1 to 32 printable ASCII characters without spaces; null when none was given.</summary>
    public string? Id { get; init; }

    /// <summary>Reads the command line form. A comma in the path is written twice.</summary>
    /// <param name="text">The text.</param>
    /// <param name="other">Takes the options that are not a disk's own, such as the bus: key and value, null without one. False for unknown.</param>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static DiskOptions Parse(string text, Func<string, string?, bool>? other = null)
    {
        List<string> parts = Split(text);
        if (parts[0].Length == 0) throw Bad(text, "has no path: write PATH[,format=…][,readonly][,cache=…][,id=…]");
        bool remote = parts[0].StartsWith(VhostUserPrefix, StringComparison.Ordinal);
        string path = remote ? parts[0][VhostUserPrefix.Length..] : parts[0];
        if (path.Length == 0) throw Bad(text, "has no path: write vhost-user=PATH of the back-end's socket");
        var options = new DiskOptions(path) { IsVhostUser = remote, Format = remote ? DiskFormat.Raw : DiskFormat.Automatic };
        foreach (string part in parts.Skip(1))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? part : part[..equals];
            string? value = equals < 0 ? null : part[(equals + 1)..];
            options = options.With(text, key, value) ?? (other?.Invoke(key, value) == true
                ? options
                : throw Bad(text, $"has the unknown option '{key}'; known are {(remote ? "readonly, reconnect, id" : "format, readonly, cache, sector, id")}"));
        }

        return options;
    }

    private DiskOptions? With(string text, string key, string? value) => key switch
    {
        "reconnect" when IsVhostUser => this with
        {
            Reconnect = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is > 0 and <= 3600
                ? TimeSpan.FromSeconds(seconds)
                : throw Bad(text, $"has reconnect={value}; write the seconds between attempts, 1 to 3600"),
        },
        // What lies behind a back-end is its own.
        "format" or "cache" or "sector" when IsVhostUser => null,
        "format" => this with
        {
            Format = value switch
            {
                "raw" => DiskFormat.Raw,
                "qcow2" => DiskFormat.Qcow2,
                "vhdx" => DiskFormat.Vhdx,
                "vhd" => DiskFormat.Vhd,
                "vmdk" => DiskFormat.Vmdk,
                "iso" => DiskFormat.Iso,
                _ => throw Bad(text, $"has format={value}; known are raw, qcow2, vhdx, vhd, vmdk, iso"),
            },
        },
        "readonly" => this with
        {
            ReadOnly = value switch
            {
                null or "on" => true,
                "off" => false,
                _ => throw Bad(text, $"has readonly={value}; write readonly, readonly=on or readonly=off"),
            },
        },
        "cache" => this with
        {
            Cache = value switch
            {
                "writeback" => DiskCache.WriteBack,
                "direct" => DiskCache.Direct,
                _ => throw Bad(text, $"has cache={value}; known are writeback, direct"),
            },
        },
        "sector" => this with
        {
            SectorBytes = value switch
            {
                "512" => 512,
                "4096" => 4096,
                _ => throw Bad(text, $"has sector={value}; known are 512, 4096"),
            },
        },
        "id" => this with { Id = IsId(value) ? value : throw Bad(text, $"has id={value}; an id is 1 to {MaximumIdCharacters} printable ASCII characters without spaces") },
        _ => null,
    };

    // The id is the serial number that the guest sees.
    private static bool IsId(string? value) => value is { Length: > 0 and <= MaximumIdCharacters } && value.All(c => c is > ' ' and <= '~');

    private static DiskException Bad(string text, string problem) => new(DiskProblem.BadOption, $"Disk '{text}' {problem}.");

    private static List<string> Split(string text)
    {
        List<string> parts = [];
        var part = new System.Text.StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            bool comma = text[i] == ',';
            bool doubled = comma && i + 1 < text.Length && text[i + 1] == ',';
            if (comma && !doubled)
            {
                parts.Add(part.ToString());
                part.Clear();
                continue;
            }

            part.Append(text[i]);
            if (doubled) i++;
        }

        parts.Add(part.ToString());
        return parts;
    }
}
