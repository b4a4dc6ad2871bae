using VmBus.Fuzz.Engine;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Block;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Scsi;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Fuzz.Targets;

/// <summary>A virtio disk.</summary>
internal sealed class VirtioBlockTarget : VirtioDeviceTarget
{
    private readonly FakeDisk _disk = new();

    public VirtioBlockTarget()
        : base("virtio-block", "requests of virtio disks") => Device = new BlockDevice(_disk, "serial", 1);

    public override IEnumerable<byte[]> Seeds => [[0, 0, 0, 8, 0, 0, 3, 0, 1, 0, 9, 0, 0, 3, 4, 0], [0, 0, 4, 0, 0, 0, 3], [0, 0, 11, 1, 16, 0, 3, 0, 13, 2, 16, 0, 3, 4, 1, 3]];

    protected override IVirtioDevice Device { get; }

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        uint type = (input.Byte() & 15) is var word && word < 15 ? (uint)word : input.UInt32();
        uint sector = input.Number();
        byte[] data = type is 1 or 11 or 13 ? input.Block(128) : [];
        byte[] request = new byte[BlockRequestHeader.Size + (type == 1 ? data.Length * 64 : data.Length)];
        WriteUInt32LittleEndian(request, type);
        WriteUInt64LittleEndian(request.AsSpan(8), sector);
        data.CopyTo(request, BlockRequestHeader.Size);
        room = type is 0 or 8 ? 1 + ((input.Byte() & 7) * 512) : 1 + (input.Byte() & 1);
        input.Change(request);
        return request;
    }

    protected override void Happen(ref FuzzInput input)
    {
        byte choice = input.Byte();
        _disk.Late = (choice & 1) != 0;
        if ((choice & 2) != 0) _disk.FailNext[(DiskOperation)input.Below(5)] = 1 + input.Below(130);
        if ((choice & 4) != 0 && _disk.LateCount > 0) _disk.CompleteOne();
    }

    protected override void Settle()
    {
        _disk.Late = false;
        _disk.CompleteAll();
    }
}

/// <summary>A virtio SCSI host with one disk.</summary>
internal sealed class VirtioScsiTarget : VirtioDeviceTarget
{
    private readonly FakeDisk _disk = new();
    private readonly ScsiTarget _target = new();

    public VirtioScsiTarget()
        : base("virtio-scsi", "requests of virtio SCSI hosts")
    {
        _target.Add(new ScsiAddress(0, 0, 0), _disk, new ScsiIdentity(ScsiUnitKind.Disk, "serial", new Guid(1, 2, 3, new byte[8])));
        Device = new ScsiHost(_target, "scsi", 1, 1);
    }

    public override IEnumerable<byte[]> Seeds => [[0, 32, 1, 0, 0, 0x12, 0, 0, 0, 96, 0, 96, 0, 33], [0, 0, 0, 0, 3, 1, 0, 3], [0, 16, 1, 19, 4, 3, 19], [0, 32, 1, 0, 0, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0, 33, 4, 1]];

    protected override IVirtioDevice Device { get; }

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        byte choice = input.Byte();
        byte[] request;
        switch (queue)
        {
            case 0:
                request = new byte[VirtioScsiLayout.TaskBytes];
                WriteUInt32LittleEndian(request, (uint)input.Byte() & 3);
                WriteUInt32LittleEndian(request.AsSpan(4), (uint)input.Byte() % 9);
                VirtioScsiLayout.WriteUnit(request.AsSpan(8), 0, (byte)(choice & 1));
                WriteUInt64LittleEndian(request.AsSpan(16), input.Byte());
                room = 1 + (input.Byte() & 7);
                break;
            case 1:
                request = [];
                room = VirtioScsiLayout.EventBytes - (choice & 1);
                break;
            default:
                request = new byte[51 + ((choice & 4) != 0 ? input.Byte() * 8 : 0)];
                VirtioScsiLayout.WriteUnit(request, 0, (byte)(choice & 1));
                WriteUInt64LittleEndian(request.AsSpan(8), input.Byte());
                input.Bytes(16).CopyTo(request.AsSpan(VirtioScsiLayout.RequestBytes));
                room = 108 + (input.UInt16() & 0x1FFF);
                break;
        }

        input.Change(request);
        return request;
    }

    protected override void Happen(ref FuzzInput input)
    {
        byte choice = input.Byte();
        _disk.Late = (choice & 1) != 0;
        if ((choice & 2) != 0) _disk.FailNext[(DiskOperation)input.Below(5)] = 1 + input.Below(130);
        if ((choice & 4) != 0 && _disk.LateCount > 0) _disk.CompleteOne();
        if ((choice & 8) != 0) _target.RefreshGeometry();
    }

    protected override void Settle()
    {
        _disk.Late = false;
        _disk.CompleteAll();
    }
}
