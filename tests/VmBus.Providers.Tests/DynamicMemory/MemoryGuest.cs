using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.DynamicMemory;
using VmBus.Protocol.Ring;
using VmBus.Providers.DynamicMemory;
using VmBus.TestKit;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.DynamicMemory;

/// <summary>A guest of 64 MiB with room for 256 more, played step by step; the lane is the thread of the test.</summary>
internal sealed class MemoryGuest : IMemorySource, IMemoryChannel
{
    public const long Mebibyte = 1 << 20;
    public const int PagesPerMebibyte = 256;

    private readonly Queue<byte[]> _sent = [];
    private readonly Queue<Action> _posted = [];

    public MemoryGuest()
    {
        Provider = new DynamicMemoryProvider(this, Clock, NullLogger.Instance);
        Endpoint = Provider.Open(this);
    }

    public ManualClock Clock { get; } = new();

    public DynamicMemoryProvider Provider { get; }

    public DynamicMemoryEndpoint Endpoint { get; private set; }

    public bool IsClosed { get; private set; }

    public bool RingIsFull { get; set; }

    public List<PageRun> Discarded { get; } = [];

    public long StartBytes => 64 * Mebibyte;

    public long MaximumBytes => 320 * Mebibyte;

    public long AddedBytes { get; private set; }

    public IOException? Refusal { get; set; }

    uint IMemoryChannel.Id => 7;

    public bool TryGetIndex(PageRun pages, out long index)
    {
        index = (long)pages.FirstPage;
        return index + pages.PageCount <= (StartBytes + AddedBytes) / Gpa.PageBytes;
    }

    public PageRun PagesAt(long index, int count) => new((ulong)index, count);

    public void Discard(PageRun pages)
    {
        if (Refusal is { } refusal) throw refusal;
        Discarded.Add(pages);
    }

    public PageRun? TryAdd(long bytes)
    {
        if (Refusal is { } refusal) throw refusal;
        AddedBytes += bytes;
        return new PageRun((ulong)((StartBytes + AddedBytes - bytes) / Gpa.PageBytes), (int)(bytes / Gpa.PageBytes));
    }

    public void Take(long bytes) => AddedBytes -= bytes;

    bool IMemoryChannel.TrySend(ReadOnlySpan<byte> message)
    {
        if (RingIsFull) return false;
        _sent.Enqueue(message.ToArray());
        return true;
    }

    void IMemoryChannel.Post(Action work)
    {
        lock (_posted)
        {
            _posted.Enqueue(work);
            Monitor.Pulse(_posted);
        }
    }

    void IMemoryChannel.Closed() => IsClosed = true;

    /// <summary>Agrees with the host as Linux does.</summary>
    public MemoryGuest Agree(ulong capabilities = 0x1F)
    {
        Send(DynamicMemoryMessageType.VersionRequest, 16, message => WriteUInt32LittleEndian(message[8..], 0x20000));
        Expect(DynamicMemoryMessageType.VersionResponse);
        Send(DynamicMemoryMessageType.CapabilitiesReport, 32, message => WriteUInt64LittleEndian(message[8..], capabilities));
        Expect(DynamicMemoryMessageType.CapabilitiesResponse);
        return this;
    }

    public delegate void BodyWriter(Span<byte> message);

    public PacketVerdict Send(DynamicMemoryMessageType type, int bytes, BodyWriter? write = null)
    {
        var message = new byte[bytes];
        new DynamicMemoryHeader(type, bytes, 1).Write(message);
        write?.Invoke(message);
        return SendBytes(message);
    }

    public PacketVerdict SendBytes(byte[] message)
        => Endpoint.Receive(new RingPacket(new PacketDescriptor(PacketType.DataInband, 16, 16 + message.Length, 0, 0), default, message));

    /// <summary>Answers a balloon request.</summary>
    public PacketVerdict Give(bool more, params PageRange[] ranges) => Send(DynamicMemoryMessageType.BalloonResponse, 16 + (8 * ranges.Length), message =>
    {
        WriteUInt32LittleEndian(message[12..], ((uint)ranges.Length << 1) | (more ? 1u : 0));
        for (int i = 0; i < ranges.Length; i++) ranges[i].Write(message[(16 + (8 * i))..]);
    });

    /// <summary>Answers a hot-add request.</summary>
    public PacketVerdict Use(uint pages, uint result) => Send(DynamicMemoryMessageType.HotAddResponse, 16, message =>
    {
        WriteUInt32LittleEndian(message[8..], pages);
        WriteUInt32LittleEndian(message[12..], result);
    });

    /// <summary>Runs what was posted to the lane; waits for it.</summary>
    public void RunOne()
    {
        Action work;
        lock (_posted)
        {
            while (_posted.Count == 0)
            {
                if (!Monitor.Wait(_posted, TimeSpan.FromSeconds(30))) throw new TimeoutException("Nothing was posted to the lane.");
            }

            work = _posted.Dequeue();
        }

        work();
    }

    /// <summary>The next message of the host.</summary>
    public byte[] Expect(DynamicMemoryMessageType type)
    {
        byte[] message = _sent.Dequeue();
        Assert.Equal(type, (DynamicMemoryMessageType)ReadUInt16LittleEndian(message));
        Assert.Equal(message.Length, ReadUInt16LittleEndian(message.AsSpan(2)));
        return message;
    }

    public bool HasMessages => _sent.Count > 0;

    /// <summary>Has the driver go and come again.</summary>
    public void Reopen()
    {
        Endpoint.Close();
        Endpoint = Provider.Open(this);
    }
}
