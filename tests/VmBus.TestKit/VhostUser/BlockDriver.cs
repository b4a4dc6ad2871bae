using System.Buffers.Binary;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using Xunit;

namespace VmBus.TestKit.VhostUser;

/// <summary>A guest with a virtio block driver and the monitor around it, over one queue of a vhost-user back-end.</summary>
/// <remarks>The guest outlives its back-end: after <see cref="Leave"/>, <see cref="Connect"/> goes on with the same memory, as monitors that reconnect do.</remarks>
public sealed class BlockDriver : IDisposable
{
    public const int QueueSize = 64;

    /// <summary>Requests at once: each has three descriptors.</summary>
    public const int Slots = QueueSize / 3;

    /// <summary>Bytes of data of a request at most.</summary>
    public const int SlotBytes = 8192;

    private const ulong DescriptorsAt = 0x1000;
    private const ulong AvailableAt = 0x2000;
    private const ulong UsedAt = 0x3000;
    private const ulong HeadersAt = 0x8000;
    private const ulong StatusesAt = 0x9000;
    private const ulong DataAt = 0x10_0000;

    private readonly EventFd _kick = EventFd.Create();
    private readonly EventFd _call = EventFd.Create();
    private MemoryFile? _inflight;
    private ushort _available;
    private ushort _seen;
    private bool _connectedBefore;

    public GuestMemory Memory { get; } = GuestMemory.Create(4 << 20);

    public FrontEnd? FrontEnd { get; private set; }

    /// <summary>Feature bits that the back-end offers.</summary>
    public ulong Offered { get; private set; }

    /// <summary>Feature bits that were taken.</summary>
    public ulong Agreed { get; private set; }

    /// <summary>Negotiates and starts the queue, with memory that remembers requests on their way.</summary>
    public void Connect(string path, ulong leftOut = 0)
    {
        FrontEnd front = FrontEnd = FrontEnd.Connect(path);
        front.Send(VhostUserRequest.SetOwner, []);
        Offered = front.Get(VhostUserRequest.GetFeatures);
        front.Send(VhostUserRequest.SetProtocolFeatures, front.Get(VhostUserRequest.GetProtocolFeatures));
        // The driver's ring is a split one.
        Agreed = Offered & ~((ulong)(VirtioFeatures.LogAll | VirtioFeatures.PackedRing) | leftOut);
        front.Send(VhostUserRequest.SetFeatures, Agreed);
        front.ShareMemory(Memory);
        ShareInflight(front);
        front.Send(VhostUserRequest.SetQueueSize, 0, QueueSize);
        SendBase();
        SendAddresses();
        SendCall();
        SendKick();
        front.Send(VhostUserRequest.SetQueueEnable, 0, 1);
        _connectedBefore = true;
    }

    /// <summary>Says where the queue begins: what a monitor knows after its back-end died, the used index.</summary>
    public void SendBase() => FrontEnd!.Send(VhostUserRequest.SetQueueBase, 0, ReadUInt16(UsedAt + 2));

    /// <summary>Says where the rings are.</summary>
    public void SendAddresses() => FrontEnd!.Send(VhostUserRequest.SetQueueAddresses,
    [
        .. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(FrontEnd.UserAddress + DescriptorsAt), .. FrontEnd.Bytes(FrontEnd.UserAddress + UsedAt),
        .. FrontEnd.Bytes(FrontEnd.UserAddress + AvailableAt), .. FrontEnd.Bytes(UsedAt),
    ]);

    /// <summary>Gives the queue its call.</summary>
    public void SendCall() => FrontEnd!.Send(VhostUserRequest.SetQueueCall, 0UL, _call);

    /// <summary>Gives the queue its kick.</summary>
    public void SendKick() => FrontEnd!.Send(VhostUserRequest.SetQueueKick, 0UL, _kick);

    /// <summary>Ends the connection.</summary>
    public void Leave()
    {
        FrontEnd?.Dispose();
        FrontEnd = null;
    }

    /// <summary>Puts a request on the ring and kicks.</summary>
    public void Submit(int slot, BlockRequestType type, ulong sector, ReadOnlySpan<byte> data, int readBytes = 0)
    {
        Write(DataOf(slot), data);
        Span<byte> header = stackalloc byte[BlockRequestHeader.Size];
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
        Write(HeadersAt + (ulong)(slot * BlockRequestHeader.Size), header);
        Write(StatusesAt + (ulong)slot, [0xFF]);
        int head = slot * 3;
        int bytes = readBytes > 0 ? readBytes : data.Length;
        Describe(head, HeadersAt + (ulong)(slot * BlockRequestHeader.Size), BlockRequestHeader.Size, DescriptorFlags.Next, bytes > 0 ? head + 1 : head + 2);
        Describe(head + 1, DataOf(slot), (uint)bytes, DescriptorFlags.Next | (readBytes > 0 ? DescriptorFlags.Write : 0), head + 2);
        Describe(head + 2, StatusesAt + (ulong)slot, 1, DescriptorFlags.Write, 0);
        WriteUInt16(AvailableAt + (ulong)QueueLayout.AvailableElement(_available % QueueSize), (ushort)head);
        _available++;
        // Wants to be signalled for every request.
        WriteUInt16(AvailableAt + (ulong)QueueLayout.AvailableElement(QueueSize), _seen);
        WriteUInt16(AvailableAt + 2, _available);
        Interlocked.MemoryBarrier();
        _kick.Signal();
    }

    /// <summary>Kicks without a request.</summary>
    public void Kick() => _kick.Signal();

    /// <summary>Waits for the next request to end.</summary>
    /// <returns>Its slot and status; null when none ended in time.</returns>
    public (int Slot, BlockStatus Status)? TryWait(TimeSpan patience)
    {
        long until = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (ReadUInt16(UsedAt + 2) == _seen)
        {
            if (Environment.TickCount64 >= until) return null;
            _ = _call.Wait(TimeSpan.FromMilliseconds(50));
        }

        Span<byte> element = stackalloc byte[QueueLayout.UsedElementBytes];
        Assert.True(Memory.TryRead(new Gpa(UsedAt + (ulong)QueueLayout.UsedElement(_seen % QueueSize)), element));
        _seen++;
        WriteUInt16(AvailableAt + (ulong)QueueLayout.AvailableElement(QueueSize), _seen);
        int slot = (int)BinaryPrimitives.ReadUInt32LittleEndian(element) / 3;
        return (slot, (BlockStatus)Read(StatusesAt + (ulong)slot, 1)[0]);
    }

    /// <summary>Carries out one request while no other is on its way.</summary>
    public BlockStatus Do(BlockRequestType type, ulong sector, ReadOnlySpan<byte> data, int readBytes = 0)
    {
        Submit(0, type, sector, data, readBytes);
        (int Slot, BlockStatus Status)? ended = TryWait(TimeSpan.FromSeconds(30));
        Assert.NotNull(ended);
        return ended.Value.Status;
    }

    public byte[] DataOfRead(int slot, int bytes) => Read(DataOf(slot), bytes);

    public void Dispose()
    {
        Leave();
        _inflight?.Dispose();
        _kick.Dispose();
        _call.Dispose();
        Memory.Dispose();
    }

    private void ShareInflight(FrontEnd front)
    {
        if (_connectedBefore)
        {
            byte[] again = new byte[VhostUserInflight.PaddedSize];
            new VhostUserInflight((ulong)_inflight!.Bytes, 0, 1, QueueSize).Write(again);
            front.Send(VhostUserRequest.SetInflight, again, _inflight);
            return;
        }

        byte[] wanted = new byte[VhostUserInflight.PaddedSize];
        new VhostUserInflight(0, 0, 1, QueueSize).Write(wanted);
        front.Send(VhostUserRequest.GetInflight, wanted);
        Assert.NotNull(front.Receive(VhostUserRequest.GetInflight, out int descriptor));
        _inflight = MemoryFile.TryTake(descriptor);
    }

    private static ulong DataOf(int slot) => DataAt + (ulong)(slot * SlotBytes);

    private void Describe(int index, ulong address, uint bytes, DescriptorFlags flags, int next)
    {
        Span<byte> descriptor = stackalloc byte[QueueLayout.DescriptorBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[12..], (ushort)flags);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], (ushort)next);
        Write(DescriptorsAt + (ulong)(index * QueueLayout.DescriptorBytes), descriptor);
    }

    private void Write(ulong address, ReadOnlySpan<byte> bytes) => Assert.True(Memory.TryWrite(new Gpa(address), bytes));

    private byte[] Read(ulong address, int bytes)
    {
        byte[] read = new byte[bytes];
        Assert.True(Memory.TryRead(new Gpa(address), read));
        return read;
    }

    private ushort ReadUInt16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Read(address, 2));

    private void WriteUInt16(ulong address, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Write(address, bytes);
    }
}
