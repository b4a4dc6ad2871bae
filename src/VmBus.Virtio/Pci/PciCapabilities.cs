using System.Buffers.Binary;

namespace VmBus.Virtio.Pci;

/// <summary>Where the structures of a virtio device are among its registers, and the capabilities that say so. Source: virtio 1.3, 4.1.4.</summary>
internal static class PciCapabilities
{
    public const int CommonAt = 0x000;
    public const int InterruptStatusAt = 0x100;
    public const int ConfigAt = 0x200;
    public const int ConfigBytes = 0x200;
    public const int DoorbellsAt = 0x1000;

    /// <summary>Bytes from one queue's doorbell to the next one's.</summary>
    public const int DoorbellBytes = 4;

    /// <summary>Which of <see cref="All"/> reaches registers through configuration space.</summary>
    public const int AccessIndex = 4;

    private const byte VendorSpecific = 0x09;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<byte[]> All(int queues) =>
    [
        Structure(1, CommonAt, CommonRegister.Bytes),
        Structure(2, DoorbellsAt, queues * DoorbellBytes, DoorbellBytes),
        Structure(3, InterruptStatusAt, 1),
        Structure(4, ConfigAt, ConfigBytes),
        Structure(5, 0, 0, 0),
    ];

    private static byte[] Structure(byte type, int offset, int length, int? last = null)
    {
        byte[] capability = new byte[last is null ? 16 : 20];
        capability[0] = VendorSpecific;
        capability[2] = (byte)capability.Length;
        capability[3] = type;
        BinaryPrimitives.WriteInt32LittleEndian(capability.AsSpan(8), offset);
        BinaryPrimitives.WriteInt32LittleEndian(capability.AsSpan(12), length);
        if (last is { } value) BinaryPrimitives.WriteInt32LittleEndian(capability.AsSpan(16), value);
        return capability;
    }
}
