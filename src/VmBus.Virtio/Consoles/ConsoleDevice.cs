using VmBus.Lanes;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Queues;

namespace VmBus.Virtio.Consoles;

/// <summary>A virtio console with one port: a terminal of one driver, without the slowness of a serial line.</summary>
/// <remarks>
/// A terminal that takes no more holds the driver's output up, and a driver that reads nothing holds up whoever types; neither holds up a lane. Source: virtio 1.3,
/// 5.3; protocol-spec/virtio.md#console.
/// </remarks>
public sealed class ConsoleDevice : IVirtioDevice
{
    private const int ReceiveQueue = 0;
    private const int Queues = 2;
    private const int QueueSize = 128;
    private const int OutputBytes = 64 << 10;
    private const int InputBytes = 4096;

    // What the terminal has not taken by then is lost when the partition ends.
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(5);

    private readonly ITerminal _terminal;
    private readonly ByteRing _output = new(OutputBytes);
    private readonly ByteRing _input = new(InputBytes);
    private readonly Thread _writer;
    private readonly bool _hasSize;
    private volatile ConsoleReceiver? _receiver;
    private volatile ConsoleTransmitter? _transmitter;
    private uint _size;
    private bool _isOver;

    /// <summary>A console at its start.</summary>
    /// <param name="terminal">Where output goes; it outlives the device.</param>
    /// <param name="size">How large the terminal is; null when it has no size.</param>
    public ConsoleDevice(ITerminal terminal, ConsoleConfig? size)
    {
        _terminal = terminal;
        _hasSize = size is not null;
        if (size is { } known) SetSize(known);
        _writer = new Thread(WriteOut, maxStackSize: 256 * 1024) { Name = "console-virtio", IsBackground = true };
        _writer.Start();
    }

    /// <inheritdoc/>
    public VirtioDeviceType Type => VirtioDeviceType.Console;

    /// <inheritdoc/>
    public string Name => "console";

    /// <inheritdoc/>
    public ulong Features => (ulong)Virtqueue.Features | (ulong)(_hasSize ? ConsoleFeatures.Size : ConsoleFeatures.None);

    /// <inheritdoc/>
    public int QueueCount => Queues;

    /// <inheritdoc/>
    public int FrontEndQueueCount => Queues;

    /// <inheritdoc/>
    public Action? ConfigChanged { get; set; }

    /// <inheritdoc/>
    public int MaximumQueueSize => QueueSize;

    /// <inheritdoc/>
    public int LaneOf(int queue) => 0;

    /// <summary>Types bytes for the driver; waits while it has not read enough of the earlier ones. Any thread that is no lane, one at a time.</summary>
    public void Enter(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _input.WaitForRoom())
        {
            bytes = bytes[_input.Add(bytes)..];
            _receiver?.Wake();
        }
    }

    /// <summary>Tells the driver of another size of the terminal. Any thread that is no lane; of no effect where it has none.</summary>
    public void Resize(ConsoleConfig size)
    {
        if (!_hasSize) return;
        SetSize(size);
        ConfigChanged?.Invoke();
    }

    /// <inheritdoc/>
    public int ReadConfig(Span<byte> destination)
    {
        uint size = Volatile.Read(ref _size);
        new ConsoleConfig((ushort)size, (ushort)(size >> 16)).Write(destination);
        return ConsoleConfig.Size;
    }

    /// <inheritdoc/>
    public bool WriteConfig(int offset, ReadOnlySpan<byte> source) => false;

    /// <inheritdoc/>
    public IQueueWorker OpenQueue(int index, ulong features, QueueRunner queue, Lane lane)
    {
        if (index == ReceiveQueue) return _receiver = new ConsoleReceiver(this, queue, lane, _input);
        return _transmitter = new ConsoleTransmitter(this, queue, lane, _output);
    }

    /// <inheritdoc/>
    public void Reset() => _input.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isOver) return;
        _isOver = true;
        _input.End();
        _output.End();
        _ = _writer.Join(DrainLimit);
    }

    internal void Closed(ConsoleReceiver receiver)
    {
        if (_receiver == receiver) _receiver = null;
    }

    internal void Closed(ConsoleTransmitter transmitter)
    {
        if (_transmitter == transmitter) _transmitter = null;
    }

    private void SetSize(ConsoleConfig size) => Volatile.Write(ref _size, size.Columns | ((uint)size.Rows << 16));

    private void WriteOut()
    {
        byte[] bytes = new byte[4096];
        while (_output.WaitForBytes())
        {
            int count = _output.Take(bytes);
            _transmitter?.Wake();
            _terminal.Write(bytes.AsSpan(0, count));
        }
    }
}
