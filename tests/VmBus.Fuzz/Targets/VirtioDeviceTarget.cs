using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Tests.Queues;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>A virtio device and a driver that offers requests of any bytes and pieces on all its queues. Whatever came before, a queue that is stopped ends with nothing under way.</summary>
/// <remarks>An input runs on the lane of the queues. What is open stays open until a rule of the ring is broken: to begin a queue costs more than many requests.</remarks>
internal abstract class VirtioDeviceTarget(string name, string what) : IFuzzTarget
{
    private const int QueueSize = 16;
    private const int PiecesPerChain = 4;
    private const ulong PieceBytes = 0x4000;
    private const int MostStops = 1000;

    private readonly Lane _lane = Lane.Start("fuzz-virtio", NullLogger.Instance, new LaneOptions());
    private SplitDriver[] _drivers = [];
    private QueueRunner?[] _runners = [];
    private int[] _offered = [];
    private bool _isBroken = true;

    public string Name => name;

    public string What => what;

    public abstract IEnumerable<byte[]> Seeds { get; }

    /// <summary>The device, one for all inputs.</summary>
    protected abstract IVirtioDevice Device { get; }

    /// <summary>Feature bits that the driver takes; the event index goes with the input.</summary>
    protected virtual ulong Features => Device.Features & ~(ulong)(VirtioFeatures.PackedRing | VirtioFeatures.EventIndex);

    /// <summary>Where the device runs.</summary>
    protected Lane Lane => _lane;

    /// <summary>A request for a queue: what the device reads, and room for so many bytes that it writes.</summary>
    protected abstract byte[] Request(int queue, ref FuzzInput input, out int room);

    /// <summary>Something happens at the device's other side. On the lane.</summary>
    protected abstract void Happen(ref FuzzInput input);

    /// <summary>What the other side has held back ends. On the lane.</summary>
    protected abstract void Settle();

    public void Execute(ReadOnlySpan<byte> input)
    {
        byte[] copy = input.ToArray();
        bool ends = copy.Length > 0 && copy[0] > 0xE0;
        if (_isBroken || ends) CloseQueues();
        _lane.Invoke(() => Drive(copy));
    }

    public virtual void Dispose()
    {
        CloseQueues();
        Device.Dispose();
        _lane.Dispose();
        foreach (SplitDriver driver in _drivers) driver.Dispose();
    }

    private void Drive(byte[] bytes)
    {
        var input = new FuzzInput(bytes);
        byte begin = input.Byte();
        if (_isBroken) OpenQueues((begin & 1) != 0);
        while (!input.IsEmpty && !_isBroken)
        {
            byte choice = input.Byte();
            int queue = (choice >> 4) % _drivers.Length;
            switch (choice % 6)
            {
                case 0 or 1:
                    Offer(queue, Request(queue, ref input, out int room), room, ref input);
                    break;
                case 2:
                    // The ring itself, of which little is left sound.
                    byte[] raw = input.Block(32);
                    ulong area = (input.Byte() % 8) switch
                    {
                        0 => SplitDriver.AvailableAt,
                        1 => SplitDriver.UsedAt,
                        _ => SplitDriver.DescriptorsAt,
                    };
                    _drivers[queue].Write(area + (ulong)input.Below(200), raw);
                    break;
                case 3:
                    _ = _runners[queue]!.Run();
                    break;
                case 4:
                    Happen(ref input);
                    break;
                default:
                    Configure(ref input);
                    break;
            }
        }

        Settle();
        foreach (QueueRunner? runner in _runners) _ = runner!.Run();
    }

    private void Configure(ref FuzzInput input)
    {
        Span<byte> config = stackalloc byte[256];
        Must(Device.ReadConfig(config) <= config.Length, "A configuration that is longer than its space.");
        _ = Device.WriteConfig(input.Below(256), input.Block(8));
    }

    private void OpenQueues(bool eventIndex)
    {
        if (_drivers.Length == 0) _drivers = [.. Enumerable.Range(0, Device.QueueCount).Select(static _ => new SplitDriver(QueueSize))];
        (_runners, _offered, _isBroken) = (new QueueRunner?[_drivers.Length], new int[_drivers.Length], false);
        Device.Reset();
        for (int i = 0; i < _drivers.Length; i++)
        {
            GuestMemory memory = _drivers[i].Memory;
            foreach (ulong area in new[] { SplitDriver.DescriptorsAt, SplitDriver.AvailableAt, SplitDriver.UsedAt }) _ = memory.TryWrite(new Gpa(area), new byte[512]);
            _drivers[i] = new SplitDriver(QueueSize, eventIndex, memory: memory);
            var runner = new QueueRunner(i, _drivers[i].Open(), _lane, new Silent(), isPolled: false, _ => _isBroken = true);
            runner.Begin(Device.OpenQueue(i, Features | (eventIndex ? (ulong)VirtioFeatures.EventIndex : 0), runner, _lane), kick: null);
            _runners[i] = runner;
        }
    }

    private void CloseQueues()
    {
        if (_runners.Length == 0) return;
        int left = _runners.Length;
        _lane.Invoke(() => Array.ForEach(_runners, runner => runner!.Stop(() => left--)));
        // What was posted, and what ends of itself, runs in between.
        for (int tries = 0; left > 0; tries++)
        {
            Must(tries < MostStops, "A queue that is stopped does not end.");
            _lane.Invoke(() =>
            {
                Settle();
                Array.ForEach(_runners, static runner => runner!.Touch());
            });
        }

        foreach (QueueRunner? runner in _runners) Must(runner!.Queue.InFlight == 0, "A queue has ended with requests under way.");
        (_runners, _isBroken) = ([], true);
    }

    // In one to four pieces, of which one is spoiled now and then.
    private void Offer(int queue, byte[] request, int room, ref FuzzInput input)
    {
        SplitDriver driver = _drivers[queue];
        int head = _offered[queue]++ * PiecesPerChain % QueueSize;
        ulong at = SplitDriver.Buffers + ((ulong)head * PieceBytes);
        driver.Write(at, request);
        byte choice = input.Byte();
        int cut = (choice & 1) == 0 || request.Length < 2 ? request.Length : 1 + (input.Byte() % (request.Length - 1));
        List<(ulong At, uint Bytes, DescriptorFlags Flags)> pieces = [];
        if (cut > 0) pieces.Add((at, (uint)cut, DescriptorFlags.None));
        if (cut < request.Length) pieces.Add((at + (ulong)cut, (uint)(request.Length - cut), DescriptorFlags.None));
        if (room > 1 && (choice & 2) != 0) pieces.Add((at + PieceBytes, (uint)room - 1, DescriptorFlags.Write));
        if (room > 0) pieces.Add((at + (2 * PieceBytes), room > 1 && (choice & 2) != 0 ? 1u : (uint)room, DescriptorFlags.Write));
        if (pieces.Count == 0) pieces.Add((at, 0, DescriptorFlags.None));
        int spoiled = (choice & 0x70) == 0x70 ? input.Below(pieces.Count) : -1;
        for (int i = 0; i < pieces.Count; i++)
        {
            (ulong start, uint bytes, DescriptorFlags flags) = pieces[i];
            if (i == spoiled) (start, bytes, flags) = ((input.Byte() & 1) == 0 ? start : input.UInt64(), input.Number() * (1u + input.Byte()), flags ^ (DescriptorFlags)(input.Byte() & 2));
            driver.Describe(head + i, start, bytes, flags | (i < pieces.Count - 1 ? DescriptorFlags.Next : 0), (ushort)(head + i + 1));
        }

        driver.Offer((ushort)head);
    }

    private sealed class Silent : IQueueSignal
    {
        public void Signal()
        {
        }
    }
}
