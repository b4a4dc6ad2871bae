using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Storage.Scsi;
using VmBus.Storage.Tests.Scsi;
using VmBus.TestKit.Disks;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>SCSI commands of any bytes to a disk and a DVD: one completion each, no more data than there is room for, sense data that can be read.</summary>
internal sealed class ScsiCommandTarget : IFuzzTarget
{
    private const int DataBytes = 1 << 17;

    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly IoVectorList _list = new(4, 64);
    private readonly FakeDisk _disk = new(1 << 20), _dvd = new(1 << 20, 2048);
    private readonly ScsiTarget _target = new();
    private readonly ManualTurns _turns = new();
    private readonly ScsiTargetQueue[] _queues;
    private readonly TestRequest _request;

    public ScsiCommandTarget()
    {
        _target.Add(new ScsiAddress(0, 0, 0), _disk, new ScsiIdentity(ScsiUnitKind.Disk, "SN-0001", new Guid(1, 2, 3, new byte[8])));
        _target.Add(new ScsiAddress(0, 0, 1), _dvd, new ScsiIdentity(ScsiUnitKind.Dvd, "", new Guid(1, 2, 4, new byte[8])));
        _queues = [_target.OpenQueue(null!, _turns), _target.OpenQueue(null!, _turns)];
        _request = new TestRequest(_list);
    }

    public string Name => "scsi";

    public string What => "SCSI commands and the data that they carry";

    public IEnumerable<byte[]> Seeds =>
    [
        [0, 0, 6, 0x12, 0, 0, 0, 96, 0, 96, 0], [0, 0, 10, 0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0, 0, 2], [0, 0, 10, 0x2A, 0, 0, 0, 0, 8, 0, 0, 1, 0, 0, 2],
        [0, 0, 10, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0], [0, 0, 10, 0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0], [1, 1, 10, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0, 20, 0],
        [0, 0, 16, 0x93, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2], [0, 0, 10, 0x55, 16, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0],
        [0, 0, 16, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4], [0, 0, 12, 0xA3, 12, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        for (int commands = 0; commands < 8 && !steps.IsEmpty; commands++)
        {
            int queue = steps.Byte() & 1;
            _request.Address = new ScsiAddress(0, 0, (byte)(steps.Byte() % 3));
            _request.Initiator = (ulong)queue + 1;
            _request.Begin();
            _request.Cdb.Clear();
            steps.Bytes(Math.Min(steps.Byte() & 31, 16)).CopyTo(_request.Cdb);
            int bytes = (int)Math.Min(steps.UInt16() * (steps.Byte() < 200 ? 1u : 512u), DataBytes);
            _request.Direction = bytes == 0 ? ScsiDirection.None : (steps.Byte() & 1) == 0 ? ScsiDirection.Read : ScsiDirection.Write;
            Fill(ref steps);
            _list.Clear();
            if (bytes > 0) Must(_list.TryAdd(_memory, new Gpa(0), bytes), "The list has no room.");
            if (steps.Byte() > 240) _disk.FailNext[(DiskOperation)steps.Below(5)] = 1 + steps.Below(130);
            _disk.Late = (steps.Byte() & 1) != 0;
            _queues[queue].Execute(_request);
            while (_disk.LateCount > 0 || _dvd.LateCount > 0 || _turns.RunAll())
            {
                _disk.CompleteAll();
                _dvd.CompleteAll();
            }

            Check(bytes);
        }
    }

    public void Dispose()
    {
        foreach (ScsiTargetQueue queue in _queues) queue.Dispose();
        _list.Dispose();
        _memory.Dispose();
    }

    private void Fill(ref FuzzInput input)
    {
        Span<byte> data = stackalloc byte[256];
        data.Clear();
        input.Bytes(input.Byte()).CopyTo(data);
        _ = _memory.TryWrite(new Gpa(0), data);
    }

    private void Check(int bytes)
    {
        Must(_request.Completions == 1, $"{_request.Completions} completions.");
        Must(_request.Transferred >= 0 && _request.Transferred <= bytes, $"{_request.Transferred} of {bytes} bytes.");
        Must(_request.Status == ScsiStatus.Good || _request.Transferred == 0, "Bytes were moved by a command that failed.");
        ReadOnlySpan<byte> sense = _request.Sense;
        Must(_request.Status != ScsiStatus.CheckCondition || (sense[0] is 0x70 or 0xF0 && sense[2] is > 0 and < 16), "Sense data that cannot be read.");
        foreach (ScsiTargetQueue queue in _queues) Must(queue.InFlight == 0, "A command is on its way that has ended.");
    }
}
