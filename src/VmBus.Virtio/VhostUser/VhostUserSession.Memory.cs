using System.Buffers.Binary;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.VhostUser;

// Memory that the front-end shares: the guest's, the log of its migration, and what remembers requests on their way.
internal sealed partial class VhostUserSession
{
    // As large as a bitmap for 8 TiB of guest memory.
    private const ulong MaximumSharedBytes = 256UL << 20;

    private bool _hasWarned;
    private SharedFile? _log;
    private SharedFile? _inflight;
    private VhostUserInflight _inflightLayout;

    private bool HandleMemory(VhostUserRequest request, ReadOnlySpan<byte> payload, ref bool replied)
    {
        switch (request)
        {
            case VhostUserRequest.SetMemoryTable:
                SetMemoryTable(payload);
                return true;
            case VhostUserRequest.AddMemoryRegion:
                WarnWhen(_memory.Add(ReadRegion(payload), TakeDescriptor()));
                foreach (SessionQueue queue in _queues) StartWhenReady(queue);
                return true;
            case VhostUserRequest.RemoveMemoryRegion:
                VhostUserRegion region = ReadRegion(payload);
                WhileStopped(() => _memory.Remove(region));
                return true;
            case VhostUserRequest.GetMaximumMemorySlots:
                replied = Reply(request, MemoryTable.MaximumRegions);
                return true;
            case VhostUserRequest.SetLogBase:
                SetLogBase(payload);
                replied = Reply(request, 0);
                return true;
            case VhostUserRequest.SetLogDescriptor:
                // A front-end that wants to be told of each change of the log would look at it anyway.
                return true;
            case VhostUserRequest.GetInflight:
                replied = CreateInflight(payload);
                return true;
            case VhostUserRequest.SetInflight:
                SetInflight(payload);
                return true;
            default:
                return false;
        }
    }

    private void SetMemoryTable(ReadOnlySpan<byte> payload)
    {
        const int HeaderBytes = 8;
        uint count = payload.Length < HeaderBytes ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(payload);
        // More bytes than regions: some front-ends always send a table of the same size.
        if (count > DescriptorSocket.MaximumDescriptors || payload.Length < HeaderBytes + ((int)count * VhostUserRegion.Size))
            throw new FrontEndException("a memory table is too short for its regions, or has too many");
        if (count > _descriptorCount) throw new FrontEndException($"a memory table of {count} regions comes with {_descriptorCount} descriptors");
        var regions = new VhostUserRegion[count];
        for (int i = 0; i < regions.Length; i++) regions[i] = ReadRegion(payload, HeaderBytes + (i * VhostUserRegion.Size));
        WhileStopped(() =>
        {
            _memory.Clear();
            for (int i = 0; i < regions.Length; i++) WarnWhen(_memory.Add(regions[i], TakeDescriptor(i)));
        });
    }

    // Once: a front-end has memory of one kind.
    private void WarnWhen(bool mayShrink)
    {
        if (!mayShrink || _hasWarned) return;
        _hasWarned = true;
        VirtioLog.MayShrink(_logger, _socketName, _number);
    }

    // The padding before a single region is as long as the header of a table.
    private static VhostUserRegion ReadRegion(ReadOnlySpan<byte> payload, int offset = 8)
        => payload.Length >= offset && VhostUserRegion.TryRead(payload[offset..], out VhostUserRegion region)
            ? region
            : throw new FrontEndException("a memory region is empty, passes the end of the address space, or is cut off");

    private void SetLogBase(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 16) throw new FrontEndException("a message with the log is too short");
        var log = SharedFile.Open(
            TakeDescriptor(), BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]), BinaryPrimitives.ReadUInt64LittleEndian(payload), MaximumSharedBytes, "a log");
        WarnWhen(log.MayShrink);
        WhileStopped(() =>
        {
            _log?.Dispose();
            _log = log;
        });
    }

    private bool CreateInflight(ReadOnlySpan<byte> payload)
    {
        VhostUserInflight wanted = ReadInflight(payload);
        if (IsPacked)
        {
            // Nothing is kept for packed queues: no memory, which is how a back-end says so.
            Span<byte> none = stackalloc byte[VhostUserInflight.PaddedSize];
            (wanted with { Offset = 0, Bytes = 0 }).Write(none);
            return Reply(VhostUserRequest.GetInflight, none);
        }

        long bytes = (long)wanted.QueueCount * SplitInflight.BytesFor(wanted.QueueSize);
        MemoryFile file;
        try
        {
            file = MemoryFile.Create("vmbus-inflight", bytes);
        }
        catch (LinuxException failure)
        {
            throw new FrontEndException(failure.Message);
        }

        SharedFile shared = SharedFile.Map(file, 0, (int)bytes);
        WhileStopped(() => UseInflight(shared, wanted with { Offset = 0, Bytes = (ulong)bytes }));
        Span<byte> reply = stackalloc byte[VhostUserInflight.PaddedSize];
        _inflightLayout.Write(reply);
        return Reply(VhostUserRequest.GetInflight, reply, file);
    }

    private void SetInflight(ReadOnlySpan<byte> payload)
    {
        VhostUserInflight wanted = ReadInflight(payload);
        if (wanted.Bytes < (ulong)wanted.QueueCount * (ulong)SplitInflight.BytesFor(wanted.QueueSize))
            throw new FrontEndException("its memory for requests on their way is too short");
        SharedFile shared = SharedFile.Open(TakeDescriptor(), wanted.Offset, wanted.Bytes, MaximumSharedBytes, "memory for requests on their way");
        WarnWhen(shared.MayShrink);
        WhileStopped(() => UseInflight(shared, wanted));
    }

    private VhostUserInflight ReadInflight(ReadOnlySpan<byte> payload)
    {
        if (!VhostUserInflight.TryRead(payload, out VhostUserInflight wanted) || wanted.QueueCount == 0 || wanted.QueueCount > _queues.Length
            || wanted.QueueSize is 0 or > Protocol.Virtio.QueueLayout.MaximumSize)
        {
            throw new FrontEndException($"it asks for memory for requests on their way of {wanted.QueueCount} queues of {wanted.QueueSize}");
        }

        return wanted;
    }

    private void UseInflight(SharedFile shared, VhostUserInflight layout)
    {
        _inflight?.Dispose();
        _inflight = shared;
        _inflightLayout = layout;
    }

    // Null when the front-end keeps none for this queue.
    private SplitInflight? OpenInflight(SessionQueue queue)
    {
        if (IsPacked || _inflight is not { } shared || queue.Index >= _inflightLayout.QueueCount) return null;
        int each = SplitInflight.BytesFor(_inflightLayout.QueueSize);
        if (queue.Size > _inflightLayout.QueueSize) throw new FrontEndException($"queue {queue.Index} is larger than its memory for requests on their way");
        return SplitInflight.TryOpen(shared.Area(queue.Index * each, each), queue.Size)
            ?? throw new FrontEndException($"the memory for requests on their way of queue {queue.Index} is of another version or size");
    }
}
