using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Scsi;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Scsi;

/// <summary>What a driver learns of a command.</summary>
internal sealed record ScsiAnswer(VirtioScsiResponse Response, ScsiStatus Status, uint Residual, uint SenseBytes, byte[] Sense, byte[] Data)
{
    internal (VirtioScsiResponse Response, ScsiStatus Status, uint Residual) Outcome => (Response, Status, Residual);
}

/// <summary>A driver of a SCSI host with one disk: control, event and one request queue.</summary>
internal sealed class ScsiDriver : IQueueSignal, IDisposable
{
    internal const ulong RequestAt = 0x20000, AnswerAt = 0x21000, DataAt = 0x40000;
    private const int CommandBytes = 51, AnswerBytes = 108, QueueSize = 16;

    private readonly Lane _lane = Lane.Start("scsi-test", NullLogger.Instance, new LaneOptions());
    private readonly List<QueueRunner> _runners = [];
    private readonly EventFd[] _kicks = [EventFd.Create(), EventFd.Create(), EventFd.Create()];
    private ushort _eventsPosted;
    private ushort _eventsTaken;

    internal ScsiDriver()
    {
        Target.Add(new ScsiAddress(0, 0, 0), Disk, new ScsiIdentity(ScsiUnitKind.Disk, "serial", Guid.NewGuid()));
        Host = new ScsiHost(Target, "scsi", 1, 1);
        SplitDriver[] queues = [Control, Events, Commands];
        for (int i = 0; i < queues.Length; i++)
        {
            var runner = new QueueRunner(i, queues[i].Open(), _lane, this, isPolled: false, failed => Failures.Add(failed.Queue.Problem ?? "unknown"));
            int index = i;
            _lane.Invoke(() => runner.Begin(Host.OpenQueue(index, Host.Features, runner, _lane), _kicks[index]));
            _runners.Add(runner);
        }
    }

    internal FakeDisk Disk { get; } = new();

    internal ScsiTarget Target { get; } = new();

    internal ScsiHost Host { get; }

    internal SplitDriver Control { get; } = new(QueueSize);

    internal SplitDriver Events { get; } = new(QueueSize);

    internal SplitDriver Commands { get; } = new(QueueSize);

    internal List<string> Failures { get; } = [];

    /// <summary>Takes the notice that every new initiator gets.</summary>
    internal void ClearAttention()
    {
        while (Do([0x00], []).Status == ScsiStatus.CheckCondition)
        {
            // One for each attention.
        }
    }

    internal ScsiAnswer Do(byte[] cdb, byte[] written, uint read = 0, byte lun = 0, byte target = 0, byte first = 1)
    {
        Commands.Write(DataAt, written);
        return DoRaw(cdb, (DataAt, (uint)written.Length), (DataAt + 0x10000, read), lun, target, first);
    }

    internal ScsiAnswer DoRaw(byte[] cdb, (ulong At, uint Bytes) written, (ulong At, uint Bytes) read, byte lun = 0, byte target = 0, byte first = 1)
    {
        ushort before = Commands.UsedIndex;
        Offer(cdb, written, read, 1, lun, target, first);
        Settle();
        Assert.Equal((ushort)(before + 1), Commands.UsedIndex);
        byte[] answer = Commands.Read(AnswerAt, AnswerBytes);
        byte[] data = read.Bytes is > 0 and <= 4096 && read.At < 0x100000 ? Commands.Read(read.At, (int)read.Bytes) : [];
        return new ScsiAnswer(
            (VirtioScsiResponse)answer[11],
            (ScsiStatus)answer[10],
            BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4)),
            BinaryPrimitives.ReadUInt32LittleEndian(answer),
            answer[12..],
            data);
    }

    /// <summary>Begins a read that need not end.</summary>
    internal void Submit(byte[] cdb, uint read, ulong id)
    {
        Offer(cdb, (DataAt, 0), (DataAt + 0x10000, read), id, 0, 0, 1);
        Settle();
    }

    /// <summary>Sends a task management function.</summary>
    /// <returns>Its answer; null while there is none.</returns>
    internal VirtioScsiResponse? Manage(VirtioScsiTask function, ulong id, byte first = 1)
    {
        byte[] request = new byte[VirtioScsiLayout.TaskBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(4), (uint)function);
        VirtioScsiLayout.WriteUnit(request.AsSpan(8), 0, 0);
        request[8] = first;
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(16), id);
        Control.Write(RequestAt, request);
        Control.Write(AnswerAt, [0xEE]);
        Control.Describe(0, RequestAt, VirtioScsiLayout.TaskBytes, DescriptorFlags.Next, 1);
        Control.Describe(1, AnswerAt, 1, DescriptorFlags.Write);
        Control.Offer(0);
        Settle();
        return LastManaged();
    }

    internal VirtioScsiResponse? LastManaged() => Control.Read(AnswerAt, 1)[0] is var answer && answer == 0xEE ? null : (VirtioScsiResponse)answer;

    internal void CompleteLate()
    {
        _lane.Invoke(Disk.CompleteAll);
        Settle();
    }

    internal void PostEvents(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Events.Describe(_eventsPosted, RequestAt + (ulong)(_eventsPosted * VirtioScsiLayout.EventBytes), VirtioScsiLayout.EventBytes, DescriptorFlags.Write);
            Events.Offer(_eventsPosted++);
        }

        Settle();
    }

    internal List<(VirtioScsiEvent What, byte Lun, uint Reason)> TakeEvents()
    {
        List<(VirtioScsiEvent, byte, uint)> events = [];
        for (; _eventsTaken != Events.UsedIndex; _eventsTaken++)
        {
            byte[] bytes = Events.Read(RequestAt + (ulong)(Events.Used(_eventsTaken).Id * VirtioScsiLayout.EventBytes), VirtioScsiLayout.EventBytes);
            Assert.Equal([1, 0, 0], bytes[4..7]);
            byte lun = bytes[7];
            events.Add(((VirtioScsiEvent)BinaryPrimitives.ReadUInt32LittleEndian(bytes), lun, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(12))));
        }

        return events;
    }

    /// <summary>Lets the lane do what there is to do.</summary>
    internal void Settle()
    {
        foreach (QueueRunner runner in _runners) _lane.Invoke(runner.Touch);
        long turns = ReadTurns() + 6;
        while (ReadTurns() < turns)
        {
            // Each look has the lane take another turn.
        }
    }

    public void Signal()
    {
        // The tests look for themselves.
    }

    public void Dispose()
    {
        Disk.Late = false;
        _lane.Invoke(Disk.CompleteAll);
        foreach (QueueRunner runner in _runners) _lane.Invoke(runner.Dispose);
        Host.Dispose();
        _lane.Dispose();
        foreach (EventFd kick in _kicks) kick.Dispose();
        Control.Dispose();
        Events.Dispose();
        Commands.Dispose();
        Disk.Dispose();
    }

    private long ReadTurns()
    {
        long turns = 0;
        _lane.Invoke(() => turns = _lane.Turn);
        return turns;
    }

    private void Offer(byte[] cdb, (ulong At, uint Bytes) written, (ulong At, uint Bytes) read, ulong id, byte lun, byte target, byte first)
    {
        byte[] request = new byte[CommandBytes];
        // Linux names units of commands in flat space.
        VirtioScsiLayout.WriteUnit(request, target, lun);
        request[0] = first;
        request[2] = 0x40;
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), id);
        cdb.CopyTo(request.AsSpan(VirtioScsiLayout.RequestBytes));
        Commands.Write(RequestAt, request);
        Commands.Write(AnswerAt, new byte[AnswerBytes]);
        Commands.Describe(0, RequestAt, CommandBytes, DescriptorFlags.Next, (ushort)(written.Bytes > 0 ? 1 : 2));
        Commands.Describe(1, written.At, written.Bytes, DescriptorFlags.Next, 2);
        Commands.Describe(2, AnswerAt, AnswerBytes, DescriptorFlags.Write | (read.Bytes > 0 ? DescriptorFlags.Next : 0), 3);
        Commands.Describe(3, read.At, read.Bytes, DescriptorFlags.Write);
        Commands.Offer(0);
    }
}
