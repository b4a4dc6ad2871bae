using System.Numerics;
using VmBus.Memory.Guest;
using VmBus.Memory.Queues;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.VhostUser;

// The life of the queues: said piece by piece, started when all is said, stopped with nothing under way.
internal sealed partial class VhostUserSession
{
    private const ulong NoDescriptor = 0x100;

    private bool IsPacked => (_features & (ulong)VirtioFeatures.PackedRing) != 0;

    private bool HandleQueue(VhostUserRequest request, ReadOnlySpan<byte> payload, ref bool replied)
    {
        switch (request)
        {
            case VhostUserRequest.SetQueueSize:
                SetSize(ReadState(payload));
                return true;
            case VhostUserRequest.SetQueueAddresses:
                SetAddresses(payload);
                return true;
            case VhostUserRequest.SetQueueBase:
                VhostUserQueueState state = ReadState(payload);
                QueueOf(state.Queue).Base = state.Value;
                return true;
            case VhostUserRequest.GetQueueBase:
                replied = ReplyBase(QueueOf(ReadState(payload).Queue));
                return true;
            case VhostUserRequest.SetQueueKick:
                SetKick(ReadNumber(payload));
                return true;
            case VhostUserRequest.SetQueueCall:
                ulong call = ReadNumber(payload);
                QueueOf(call & 0xFF).SetCall((call & NoDescriptor) != 0 ? null : SignalDescriptor.Take(TakeDescriptor()));
                return true;
            case VhostUserRequest.SetQueueError:
                SetError(ReadNumber(payload));
                return true;
            case VhostUserRequest.SetQueueEnable:
                SetEnable(ReadState(payload));
                return true;
            default:
                return false;
        }
    }

    private SessionQueue QueueOf(ulong index)
        => index < (ulong)_queues.Length ? _queues[index] : throw new FrontEndException($"it names queue {index} of {_queues.Length}");

    private static VhostUserQueueState ReadState(ReadOnlySpan<byte> payload)
        => VhostUserQueueState.TryRead(payload, out VhostUserQueueState state) ? state : throw new FrontEndException("a message of a queue is too short");

    private void SetSize(VhostUserQueueState state)
    {
        SessionQueue queue = QueueOf(state.Queue);
        if (state.Value is 0 or > QueueLayout.MaximumSize) throw WrongSize(queue, state.Value);
        CheckSize(queue, (int)state.Value);
        if (queue.Runner is not null) Stop(queue);
        queue.Size = (int)state.Value;
        StartWhenReady(queue);
    }

    private void CheckSize(SessionQueue queue, int size)
    {
        if (!IsPacked && !BitOperations.IsPow2(size)) throw WrongSize(queue, (uint)size);
    }

    private static FrontEndException WrongSize(SessionQueue queue, uint size)
        => new($"queue {queue.Index} has {size} entries, where a power of two (of a packed ring any number) up to {QueueLayout.MaximumSize} can be");

    private void SetAddresses(ReadOnlySpan<byte> payload)
    {
        if (!VhostUserQueueAddresses.TryRead(payload, out VhostUserQueueAddresses addresses))
            throw new FrontEndException("a message with the addresses of a queue is too short");
        SessionQueue queue = QueueOf(addresses.Queue);
        bool changes = queue.Addresses != addresses;
        queue.Addresses = addresses;
        // Sent again while the queue runs to switch the log on or off.
        if (changes && queue.Runner is not null) Stop(queue);
        StartWhenReady(queue);
    }

    private void SetKick(ulong value)
    {
        SessionQueue queue = QueueOf(value & 0xFF);
        EventFd? kick = null;
        if ((value & NoDescriptor) == 0)
            kick = EventFd.TryTake(TakeDescriptor()) ?? throw new FrontEndException($"the kick of queue {queue.Index} is no eventfd");
        if (queue.Runner is not null) Stop(queue);
        queue.Kick?.Dispose();
        queue.Kick = kick;
        queue.IsStarted = true;
        if ((_features & (ulong)VirtioFeatures.ProtocolFeatures) == 0) queue.IsEnabled = true;
        StartWhenReady(queue);
    }

    private void SetError(ulong value)
    {
        SessionQueue queue = QueueOf(value & 0xFF);
        SignalDescriptor? error = (value & NoDescriptor) != 0 ? null : SignalDescriptor.Take(TakeDescriptor());
        queue.Error?.Dispose();
        queue.Error = error;
    }

    private void SetEnable(VhostUserQueueState state)
    {
        SessionQueue queue = QueueOf(state.Queue);
        queue.IsEnabled = state.Value != 0;
        if (!queue.IsEnabled && queue.Runner is not null) Stop(queue);
        StartWhenReady(queue);
    }

    private bool ReplyBase(SessionQueue queue)
    {
        if (queue.Runner is not null) Stop(queue);
        queue.Close();
        Span<byte> reply = stackalloc byte[VhostUserQueueState.Size];
        new VhostUserQueueState((uint)queue.Index, queue.Base).Write(reply);
        return Reply(VhostUserRequest.GetQueueBase, reply);
    }

    private void StartWhenReady(SessionQueue queue)
    {
        if (queue is not { Runner: null, IsStarted: true, IsEnabled: true, Size: > 0, Addresses: { } addresses }) return;
        int size = queue.Size;
        CheckSize(queue, size);
        if (IsPacked && !PackedQueue.IsBase(queue.Base, size)) throw new FrontEndException($"queue {queue.Index} is to begin at 0x{queue.Base:x}, outside its ring of {size}");
        (int Bytes, int Alignment) driverPart = Virtqueue.DriverPart(IsPacked, size), devicePart = Virtqueue.DevicePart(IsPacked, size);
        if (!_memory.TryFindUser(addresses.Descriptors, size * QueueLayout.DescriptorBytes, QueueLayout.DescriptorBytes / 2, out QueueArea descriptors, out Gpa ring)
            || !_memory.TryFindUser(addresses.Available, driverPart.Bytes, driverPart.Alignment, out QueueArea available, out _)
            || !_memory.TryFindUser(addresses.Used, devicePart.Bytes, devicePart.Alignment, out QueueArea used, out Gpa written))
        {
            throw new FrontEndException($"queue {queue.Index} lies outside the memory that it shares, or is not aligned");
        }

        bool logs = (_features & (ulong)VirtioFeatures.LogAll) != 0 && _log is not null;
        bool logsQueue = logs && (addresses.Flags & VhostUserQueueAddresses.Log) != 0;
        QueueSettings settings = QueueSettings.Of(_features, size) with
        {
            Base = queue.Base,
            Inflight = OpenInflight(queue),
            Log = logs ? new DirtyLog(_log!.Whole) : null,
            // Front-ends differ in which part of a packed queue they give the guest's address of.
            LoggedUsed = !logsQueue ? null : IsPacked ? written : new Gpa(addresses.UsedGuestAddress),
            LoggedRing = logsQueue ? ring : null,
        };
        Virtqueue virtqueue = Virtqueue.Open(_memory, settings, descriptors, available, used);
        var runner = new QueueRunner(queue.Index, virtqueue, queue.Lane, queue, isPolled: queue.Kick is null, failed => Broken(queue, failed));
        VirtioLog.QueueStarted(_logger, _socketName, queue.Index, size, virtqueue.Base, virtqueue.RecoveredCount);
        queue.Lane.Invoke(() => runner.Begin(_device.OpenQueue(queue.Index, _features, runner, queue.Lane), queue.Kick));
        queue.Runner = runner;
    }

    // On the lane.
    private void Broken(SessionQueue queue, QueueRunner runner)
    {
        VirtioLog.QueueBroken(_logger, _device.Name, queue.Index, runner.Queue.Problem ?? "its driver broke a rule of the device");
        queue.Error?.Signal();
    }

    private void Stop(SessionQueue queue)
    {
        QueueRunner runner = queue.Runner!;
        using var stopped = new ManualResetEventSlim();
        queue.Lane.Post(() => runner.Stop(stopped.Set));
        // What the disk is doing ends, so this does.
        stopped.Wait();
        queue.Runner = null;
        queue.Base = runner.Queue.Base;
    }

    private void StopAll()
    {
        foreach (SessionQueue queue in _queues)
        {
            if (queue.Runner is not null) Stop(queue);
        }
    }

    // Queues that run go on afterwards where they were.
    private void WhileStopped(Action change)
    {
        StopAll();
        change();
        foreach (SessionQueue queue in _queues) StartWhenReady(queue);
    }
}
