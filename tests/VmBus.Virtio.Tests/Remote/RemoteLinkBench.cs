using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A link to a network back-end and a queue of it on a lane, with a few receive buffers; driven from the test's thread.</summary>
internal sealed class RemoteLinkBench : IFrameReceiver, IDisposable
{
    private readonly Lane _lane;
    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly Stack<FrameBuffer> _buffers = new();
    private readonly List<byte[]> _received = [];
    private readonly List<bool> _sent = [];
    private readonly ManualResetEventSlim _stopped = new();
    private bool _rentedInVain;

    internal RemoteLinkBench(string socket)
    {
        _lane = Lane.Start("front", Log, new LaneOptions());
        for (int i = 0; i < 4; i++) _buffers.Push(Buffer((ulong)i * 0x4000, 2048));
        Link = RemoteLink.Open(NicOptions.Parse($"vhost-user={socket}"), 4, Log);
        Link.SetFilter(new FrameFilter(MacAddress.Read(Own), FrameKinds.Directed | FrameKinds.Broadcast));
        ILinkQueue? queue = null;
        _lane.Invoke(() => queue = Link.OpenQueue(_lane, this));
        Queue = queue!;
    }

    /// <summary>The adapter's address.</summary>
    internal static byte[] Own { get; } = [0x52, 0x54, 0, 0, 0, 1];

    internal Export Log { get; } = new();

    internal RemoteLink Link { get; }

    internal ILinkQueue Queue { get; }

    /// <summary>What has come so far.</summary>
    internal IReadOnlyList<byte[]> Received => Look<byte[][]>(_lane, () => [.. _received]);

    /// <summary>Of each frame that was sent, whether it was taken.</summary>
    internal IReadOnlyList<bool> Sent => Look<bool[]>(_lane, () => [.. _sent]);

    /// <summary>Whether the link has asked for a buffer when there was none.</summary>
    internal bool RentedInVain => Look(_lane, () => _rentedInVain);

    public void Dispose()
    {
        _lane.Invoke(Queue.Stop);
        Assert.True(_stopped.Wait(TimeSpan.FromSeconds(30)));
        _lane.Invoke(Queue.Dispose);
        Link.Dispose();
        _lane.Dispose();
        foreach (FrameBuffer buffer in _buffers) buffer.Dispose();
        _memory.Dispose();
        Log.Dispose();
        _stopped.Dispose();
    }

    internal static byte[] Frame(byte[] destination, int bytes) => [.. destination, .. Enumerable.Range(6, bytes - 6).Select(i => (byte)(i * bytes))];

    internal static void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), "It did not happen.");

    internal static T Look<T>(Lane lane, Func<T> look)
    {
        T result = default!;
        lane.Invoke(() => result = look());
        return result;
    }

    internal void Send(byte[] frame, VirtioNetHeader header = default) => _lane.Invoke(() =>
    {
        FrameBuffer buffer = Buffer(0x20000, frame.Length);
        buffer.CopyFrom(frame);
        buffer.Header = header;
        Queue.Send(buffer);
    });

    /// <summary>Forgets what has come.</summary>
    internal void Forget() => _lane.Invoke(_received.Clear);

    /// <summary>Takes away the receive buffers.</summary>
    /// <returns>What gives them back.</returns>
    internal Action Starve()
    {
        FrameBuffer[] taken = [];
        _lane.Invoke(() =>
        {
            taken = [.. _buffers];
            _buffers.Clear();
        });
        return () => _lane.Invoke(() =>
        {
            foreach (FrameBuffer buffer in taken) _buffers.Push(buffer);
            Queue.Resume();
        });
    }

    FrameBuffer? IFrameReceiver.Rent()
    {
        if (_buffers.TryPop(out FrameBuffer? buffer)) return buffer;
        _rentedInVain = true;
        return null;
    }

    void IFrameReceiver.Receive(FrameBuffer frame, int bytes)
    {
        byte[] data = new byte[bytes];
        frame.CopyTo(data);
        _received.Add(data);
        _buffers.Push(frame);
    }

    void IFrameReceiver.Return(FrameBuffer frame) => _buffers.Push(frame);

    void IFrameReceiver.Sent(FrameBuffer frame, bool taken)
    {
        _sent.Add(taken);
        frame.Dispose();
    }

    void IFrameReceiver.EndBatch()
    {
    }

    void IFrameReceiver.Stopped() => _stopped.Set();

    private FrameBuffer Buffer(ulong at, int bytes)
    {
        var buffer = new FrameBuffer(0, 8);
        Assert.True(buffer.TryAdd(_memory, new Gpa(at), bytes));
        return buffer;
    }
}
