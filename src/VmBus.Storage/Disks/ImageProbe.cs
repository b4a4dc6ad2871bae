using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Storage.Disks;

/// <summary>Recognises image formats by their magic bytes.</summary>
/// <remarks>
/// The content of a raw image is the guest's to write: a guest that writes a qcow2 header naming a host file as its backing file must not
/// get that file at its next start. So a format found by looking is only ever named in an error, never used.
/// </remarks>
internal static class ImageProbe
{
    private const int HeadBytes = 0x8006;
    private const int FooterBytes = 512;

    private static ReadOnlySpan<byte> Qcow2Magic => [(byte)'Q', (byte)'F', (byte)'I', 0xfb];

    /// <summary>What the content looks like; raw when it looks like nothing known.</summary>
    internal static DiskFormat Look(SafeHandle file, long bytes)
    {
        byte[] head = ReadAt(file, 0, HeadBytes);
        if (head.AsSpan().StartsWith(Qcow2Magic)) return DiskFormat.Qcow2;
        if (head.AsSpan().StartsWith("vhdxfile"u8)) return DiskFormat.Vhdx;
        if (head.AsSpan().StartsWith("KDMV"u8) || head.AsSpan().StartsWith("COWD"u8)) return DiskFormat.Vmdk;
        if (head.AsSpan().StartsWith("# Disk DescriptorFile"u8)) return DiskFormat.Vmdk;
        // A dynamic VHD begins with a copy of its footer; a fixed one has the footer only.
        if (head.AsSpan().StartsWith("conectix"u8)) return DiskFormat.Vhd;
        if (bytes > FooterBytes && ReadAt(file, bytes - FooterBytes, 8).AsSpan().SequenceEqual("conectix"u8)) return DiskFormat.Vhd;
        return head.Length >= HeadBytes && head.AsSpan(0x8001, 5).SequenceEqual("CD001"u8) ? DiskFormat.Iso : DiskFormat.Raw;
    }

    private static byte[] ReadAt(SafeHandle file, long offset, int bytes)
    {
        using var buffer = new BounceBuffer(bytes);
        int done = LinuxFile.Read(file, buffer.Vector(bytes), 1, offset, 0);
        return done <= 0 ? [] : buffer.Data[..done].ToArray();
    }
}
