using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Network;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Network;

/// <summary>A driver of a network adapter whose link is the test's: a pair of queues and the control queue.</summary>
internal sealed class NetDriver : IDisposable
{
    internal const int BufferBytes = 512;

    private readonly Lane _lane = Lane.Start("net-test", NullLogger.Instance, new LaneOptions());
    private readonly List<QueueRunner> _runners = [];
    private readonly Signals _signals = new();
    private readonly EventFd[] _kicks = [EventFd.Create(), EventFd.Create(), EventFd.Create()];

    internal NetDriver(NetFeatures leftOut = NetFeatures.None, LinkOffloads offloads = LinkOffloads.None)
    {
        Link = new ScriptedLink(offloads);
        Assert.True(MacAddress.TryParse("52:54:00:00:00:07", out MacAddress address));
        Device = new NetDevice(Link, address, 1);
        Device.Reset();
        ulong features = Device.Features & ~((ulong)VirtioFeatures.PackedRing | (ulong)leftOut);
        SplitDriver[] queues = [Receive, Transmit, Control];
        for (int i = 0; i < queues.Length; i++)
        {
            var runner = new QueueRunner(i, queues[i].Open(), _lane, _signals, isPolled: false, failed => Failures.Add(failed.Queue.Problem ?? "unknown"));
            int index = i;
            _lane.Invoke(() => runner.Begin(Device.OpenQueue(index, features, runner, _lane), _kicks[index]));
            _runners.Add(runner);
        }
    }

    internal ScriptedLink Link { get; }

    internal NetDevice Device { get; }

    internal SplitDriver Receive { get; } = new(size: 64);

    internal SplitDriver Transmit { get; } = new(size: 16);

    internal SplitDriver Control { get; } = new(size: 16);

    internal List<string> Failures { get; } = [];

    /// <summary>Gives the device buffers, and tells it.</summary>
    internal void Post(int first, int count, uint bytes = BufferBytes)
    {
        for (int i = first; i < first + count; i++)
        {
            Receive.Describe(i, BufferAt(i), bytes, DescriptorFlags.Write);
            Receive.Offer((ushort)i);
        }

        Kick(0);
    }

    internal static ulong BufferAt(int index) => SplitDriver.Buffers + ((ulong)index * 4096);

    /// <summary>Sends a frame and waits until its buffer is back.</summary>
    internal void Send(VirtioNetHeader header, byte[] frame)
    {
        ushort before = Transmit.UsedIndex;
        byte[] bytes = new byte[VirtioNetHeader.Bytes + frame.Length];
        header.Write(bytes);
        frame.CopyTo(bytes.AsSpan(VirtioNetHeader.Bytes));
        Transmit.Write(SplitDriver.Buffers, bytes);
        Transmit.Describe(0, SplitDriver.Buffers, 7, DescriptorFlags.Next, 1);
        Transmit.Describe(1, SplitDriver.Buffers + 7, (uint)bytes.Length - 7);
        Transmit.Offer(0);
        Kick(1);
        Wait(() => Transmit.UsedIndex != before);
    }

    /// <summary>Gives a command.</summary>
    /// <returns>The device's answer, 0 for done.</returns>
    internal byte Command(params byte[] bytes)
    {
        ushort before = Control.UsedIndex;
        Control.Write(SplitDriver.Buffers, bytes);
        Control.Write(SplitDriver.Buffers + 4096, [0xFF]);
        Control.Describe(0, SplitDriver.Buffers, (uint)bytes.Length, DescriptorFlags.Next, 1);
        Control.Describe(1, SplitDriver.Buffers + 4096, 1, DescriptorFlags.Write);
        Control.Offer(0);
        Kick(2);
        Wait(() => Control.UsedIndex != before);
        return Control.Read(SplitDriver.Buffers + 4096, 1)[0];
    }

    /// <summary>Does something on the lane.</summary>
    internal T OnLane<T>(Func<T> work)
    {
        T result = default!;
        _lane.Invoke(() => result = work());
        return result;
    }

    /// <summary>Stops a queue as its driver does, and waits until nothing of it is under way.</summary>
    internal void Stop(int index)
    {
        using var stopped = new ManualResetEventSlim();
        _lane.Post(() => _runners[index].Stop(stopped.Set));
        Assert.True(stopped.Wait(TimeSpan.FromSeconds(30)));
        _runners[index] = null!;
    }

    internal static void Wait(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    public void Dispose()
    {
        for (int i = 0; i < _runners.Count; i++)
        {
            if (_runners[i] is not null) Stop(i);
        }

        _lane.Dispose();
        Device.Dispose();
        foreach (EventFd kick in _kicks) kick.Dispose();
        Receive.Dispose();
        Transmit.Dispose();
        Control.Dispose();
    }

    private void Kick(int queue) => _kicks[queue].Signal();

    private sealed class Signals : IQueueSignal
    {
        public void Signal()
        {
        }
    }
}
