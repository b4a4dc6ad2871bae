using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Images;

/// <summary>An ISO image with the data that cloud-init's NoCloud source reads, in a folder that only its owner sees and that goes when this is disposed.</summary>
internal sealed partial class CloudSeed : IDisposable
{
    /// <summary>Where the guest finds it among its disks.</summary>
    public const string DiskId = "cidata";

    private const int MaximumFileBytes = 16 << 20;

    private readonly string _folder;

    private CloudSeed(string folder)
    {
        _folder = folder;
        Disk = new DiskOptions(Path.Combine(folder, "seed.iso")) { Format = DiskFormat.Iso, ReadOnly = true, Id = DiskId };
    }

    /// <summary>The image as a disk.</summary>
    public DiskOptions Disk { get; }

    /// <summary>The same in the words of <c>--disk</c>.</summary>
    public string DiskText => $"{Disk.Path.Replace(",", ",,", StringComparison.Ordinal)},format=iso,readonly,id={DiskId}";

    /// <summary>Makes the image of what the operator gave.</summary>
    /// <param name="userData">Path of the user data, or null for none.</param>
    /// <param name="metaData">Path of the metadata, or null for what follows from the others.</param>
    /// <param name="name">The partition's name: the guest's host name where it can be one.</param>
    /// <returns>Null when neither file is given.</returns>
    /// <exception cref="IOException">A file or the tool is missing.</exception>
    public static CloudSeed? Make(string? userData, string? metaData, string name)
    {
        if (userData is null && metaData is null) return null;
        byte[] user = userData is null ? "#cloud-config\n"u8.ToArray() : Read("--user-data", userData);
        byte[] meta = metaData is null ? Encoding.UTF8.GetBytes(DefaultMetaData(user, name)) : Read("--meta-data", metaData);
        string folder = Directory.CreateTempSubdirectory("vmbus-cloud-").FullName;
        var seed = new CloudSeed(folder);
        try
        {
            string source = Directory.CreateDirectory(Path.Combine(folder, "seed")).FullName;
            File.WriteAllBytes(Path.Combine(source, "user-data"), user);
            File.WriteAllBytes(Path.Combine(source, "meta-data"), meta);
            ToolResult made = Tool.Run("xorrisofs", "xorriso", ["-quiet", "-V", "cidata", "-J", "-r", "-o", seed.Disk.Path, source]);
            if (made.Status != 0) throw new IOException($"xorrisofs could not make the image of --user-data and --meta-data: {made.Error}");
            return seed;
        }
        catch
        {
            seed.Dispose();
            throw;
        }
    }

    /// <summary>Metadata for who gave none: cloud-init takes a new instance for a new machine, so it changes when the user data does and only then.</summary>
    internal static string DefaultMetaData(ReadOnlySpan<byte> userData, string name)
    {
        string identity = Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(name), 0, .. userData]))[..16];
        return $"instance-id: vmbus-{identity}\n{(HostName().IsMatch(name) ? $"local-hostname: {name}\n" : "")}";
    }

    /// <summary>Removes the folder.</summary>
    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private static byte[] Read(string option, string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaximumFileBytes) throw new IOException($"{option} '{path}' has {file.Length} bytes; at most {MaximumFileBytes} make sense.");
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new IOException($"{option} '{path}' cannot be read: {e.Message}", e);
        }
    }

    [GeneratedRegex("^[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?$")]
    private static partial Regex HostName();
}
