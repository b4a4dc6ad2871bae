using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Storage.Disks;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Disk images whose format was not said: any bytes are a raw disk, an ISO image, or refused with one line. Other formats are read by qemu-nbd.</summary>
internal sealed class ImageTarget : IFuzzTarget
{
    private readonly DirectoryInfo _folder = ScratchFolder.Create();
    private readonly string _path;
    private readonly FileStream _file;

    public ImageTarget()
    {
        _path = Path.Combine(_folder.FullName, "image");
        _file = new FileStream(_path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, 1);
    }

    public string Name => "image";

    public string What => "headers of disk images";

    public IEnumerable<byte[]> Seeds =>
    [
        [.. "QFI"u8, 0xfb, 0, 0, 0, 3], [.. "vhdxfile"u8], [.. "KDMV"u8], [.. "# Disk DescriptorFile"u8], [.. "conectix"u8, 0, 0], [1, .. "CD001"u8], [],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        _file.SetLength(0);
        _file.Write(input);
        // Where an ISO image says what it is, too.
        _file.SetLength(((input.Length / 512) + 1 + (input.Length & 63)) * 1024);
        _file.Position = Math.Min(_file.Length, 0x8000);
        _file.Write(input[..Math.Min(input.Length, 16)]);
        _file.Flush();
        try
        {
            using IDisk disk = DiskFactory.Open(new DiskOptions(_path) { ReadOnly = true }, NullLogger.Instance);
            Must(disk.Geometry.Bytes >= 0 && disk.Geometry.Bytes <= _file.Length, $"A disk of {disk.Geometry.Bytes} bytes in a file of {_file.Length}.");
        }
        catch (DiskException exception)
        {
            Must(!exception.Message.Contains('\n', StringComparison.Ordinal), "A refusal of two lines.");
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _folder.Delete(recursive: true);
    }
}
