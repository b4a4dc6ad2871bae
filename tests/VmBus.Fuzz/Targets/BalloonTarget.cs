using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Ring;
using VmBus.Providers.DynamicMemory;
using VmBus.TestKit;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Dynamic memory: messages of any bytes while the guest is made smaller and larger. Only RAM is given back, and nothing twice.</summary>
internal sealed class BalloonTarget : IFuzzTarget, IMemorySource, IMemoryChannel
{
    private const long StartBytes = 64 << 20;
    private const int Pages = (int)(StartBytes / Gpa.PageBytes);

    private readonly Lock _gate = new();
    private readonly Queue<Action> _posted = new();
    private readonly HashSet<long> _given = [];
    private long _added;
    private volatile string? _fault;
    private int _sent;

    public string Name => "balloon";

    public string What => "messages of dynamic memory";

    public IEnumerable<byte[]> Seeds =>
    [
        [1, 1, 16, 0, 0, 2, 1, 3, 32, 31, 3, 32, 7, 16, 0, 0, 4, 0],
        [1, 1, 16, 0, 0, 2, 1, 3, 32, 31, 2, 32, 4, 1, 16, 200, 4, 0, 1, 5, 48, 2, 96],
    ];

    long IMemorySource.StartBytes => StartBytes;

    long IMemorySource.MaximumBytes => StartBytes * 4;

    long IMemorySource.AddedBytes => _added;

    uint IMemoryChannel.Id => 7;

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        lock (_gate) _posted.Clear();
        _given.Clear();
        _added = 0;
        using var provider = new DynamicMemoryProvider(this, new ManualClock(), NullLogger.Instance);
        DynamicMemoryEndpoint endpoint = provider.Open(this);
        bool spoiled = false;
        while (!steps.IsEmpty && !spoiled)
        {
            _sent = 0;
            switch (steps.Byte() % 5)
            {
                case 0:
                    spoiled = Deliver(endpoint, steps.Block(200));
                    break;
                case 1:
                    spoiled = Deliver(endpoint, Message(ref steps));
                    break;
                case 2:
                    // How it ends is the guest's to say.
                    _ = provider.SetAsync((1 + steps.Byte()) << 20).ContinueWith(static task => task.Exception, TaskScheduler.Default);
                    break;
                case 3:
                    spoiled = Deliver(endpoint, Agreement(ref steps));
                    break;
                default:
                    spoiled = Deliver(endpoint, Ranges(ref steps));
                    break;
            }

            RunPosted();
            Must(_sent <= 20, $"{_sent} messages for one of the guest's.");
        }

        endpoint.Close();
        RunPosted();
        if (_fault is { } fault) throw new PropertyException(fault);
    }

    public void Dispose()
    {
    }

    private static bool Deliver(DynamicMemoryEndpoint endpoint, byte[] message)
    {
        Array.Resize(ref message, (message.Length + 7) & ~7);
        var packet = new RingPacket(new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, PacketDescriptor.Size + message.Length, 0, 0), default, message);
        return endpoint.Receive(packet) == PacketVerdict.Violation;
    }

    private static byte[] Message(ref FuzzInput input)
    {
        byte type = input.Byte();
        byte[] message = new byte[input.Byte() & ~7];
        if (message.Length >= DynamicMemoryHeader.Size) new DynamicMemoryHeader((DynamicMemoryMessageType)type, message.Length, 1).Write(message);
        input.Change(message);
        return message;
    }

    private static byte[] Agreement(ref FuzzInput input)
    {
        bool isVersion = (input.Byte() & 1) == 0;
        byte[] message = new byte[isVersion ? DynamicMemoryMessages.WordSize : DynamicMemoryMessages.CapabilitiesSize];
        new DynamicMemoryHeader(isVersion ? DynamicMemoryMessageType.VersionRequest : DynamicMemoryMessageType.CapabilitiesReport, message.Length, 1).Write(message);
        WriteUInt32LittleEndian(message.AsSpan(8), isVersion ? 0x20000u : 3u);
        input.Change(message);
        return message;
    }

    private static byte[] Ranges(ref FuzzInput input)
    {
        int count = input.Below(40);
        byte[] message = new byte[DynamicMemoryMessages.RangesOffset + (8 * count)];
        new DynamicMemoryHeader(DynamicMemoryMessageType.BalloonResponse, message.Length, 1).Write(message);
        WriteUInt32LittleEndian(message.AsSpan(12), ((uint)count << 1) | (input.Byte() & 1u));
        for (int i = 0; i < count; i++)
            WriteUInt64LittleEndian(message.AsSpan(DynamicMemoryMessages.RangesOffset + (8 * i)), (input.Number() * 7ul) | ((ulong)(input.Byte() & 63) << 40));
        input.Change(message);
        return message;
    }

    private void RunPosted()
    {
        while (true)
        {
            Action? work;
            lock (_gate)
            {
                if (!_posted.TryDequeue(out work)) return;
            }

            work();
        }
    }

    bool IMemorySource.TryGetIndex(PageRun pages, out long index)
    {
        index = (long)pages.FirstPage;
        return pages.FirstPage < Pages && pages.PageCount <= Pages - (long)pages.FirstPage;
    }

    PageRun IMemorySource.PagesAt(long index, int count) => new((ulong)index, count);

    void IMemorySource.Discard(PageRun pages)
    {
        lock (_gate)
        {
            // On another thread, where nobody would see it.
            if (pages.FirstPage + (ulong)pages.PageCount > Pages) _fault = "Pages are given back that are not RAM.";
            for (long page = (long)pages.FirstPage; page < (long)pages.FirstPage + pages.PageCount; page++) _given.Add(page);
        }
    }

    PageRun? IMemorySource.TryAdd(long bytes)
    {
        if (_added + bytes > StartBytes * 3) return null;
        _added += bytes;
        return new PageRun((ulong)((StartBytes + _added - bytes) / Gpa.PageBytes), (int)(bytes / Gpa.PageBytes));
    }

    void IMemorySource.Take(long bytes) => _added -= bytes;

    bool IMemoryChannel.TrySend(ReadOnlySpan<byte> message)
    {
        Must(message.Length is >= DynamicMemoryHeader.Size and <= DynamicMemoryHeader.MaximumBytes, $"A message of {message.Length} bytes.");
        _sent++;
        return true;
    }

    void IMemoryChannel.Post(Action work)
    {
        lock (_gate) _posted.Enqueue(work);
    }

    void IMemoryChannel.Closed()
    {
    }
}
