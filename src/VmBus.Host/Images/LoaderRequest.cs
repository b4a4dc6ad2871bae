using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VmBus.Host.Images;

/// <summary>What the loader is asked to do with the partition's first disk.</summary>
public sealed record LoaderRequest
{
    /// <summary>Most bytes of text that <see cref="Entry"/> and <see cref="Append"/> have together: a kernel's command line carries them.</summary>
    public const int MaximumTextBytes = 1200;

    /// <summary>Only tell which entries there are, instead of booting one.</summary>
    public bool ListOnly { get; init; }

    /// <summary>Number, id or title of the entry to boot; null for the image's own default.</summary>
    public string? Entry { get; init; }

    /// <summary>What is added to the entry's command line.</summary>
    public string Append { get; init; } = "";

    /// <summary>Where the first disk is.</summary>
    public DiskBus FirstDisk { get; init; }

    /// <summary>Disks that must be there before the loader looks: all but CDs and DVDs.</summary>
    public int DiskCount { get; init; } = 1;

    /// <summary>What the loader's messages begin with, so that no text of a guest is taken for one.</summary>
    public string Token { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>The loader's kernel command line (protocol-spec/loader.md).</summary>
    /// <exception cref="IOException">The texts are too long for it.</exception>
    public string CommandLine()
    {
        int bytes = Encoding.UTF8.GetByteCount(Entry ?? "") + Encoding.UTF8.GetByteCount(Append);
        if (bytes > MaximumTextBytes) throw new IOException($"--append and --boot-entry have {bytes} bytes together; the loader takes {MaximumTextBytes}.");
        string first = FirstDisk == DiskBus.Virtio ? "virtio" : "vmbus";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"console=ttyS0 quiet loglevel=1 panic=-1 vmbus.token={Token} vmbus.mode={(ListOnly ? "list" : "boot")} vmbus.first={first} vmbus.disks={DiskCount}"
            + $"{Encoded("entry", Entry ?? "")}{Encoded("append", Append)}");
    }

    private static string Encoded(string name, string text) => text.Length == 0 ? "" : $" vmbus.{name}={Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}";
}
