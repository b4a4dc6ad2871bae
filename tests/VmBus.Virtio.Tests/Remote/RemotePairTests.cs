using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Protocol.Virtio;
using VmBus.TestKit;
using VmBus.Virtio.Remote;
using Xunit;

namespace VmBus.Virtio.Tests.Remote;

public sealed class RemotePairTests : IDisposable
{
    private const int HeaderBytes = VirtioNetHeader.Bytes;
    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly RemotePair _pair = new(0, eventIndex: false);
    private readonly PairDevice _receive;
    private readonly PairDevice _send;
    private readonly FrameBuffer _frame = new(0, 32);

    public RemotePairTests()
    {
        _receive = new PairDevice(_pair.ReceiveQueue);
        _send = new PairDevice(_pair.SendQueue);
    }

    public void Dispose()
    {
        _frame.Dispose();
        _pair.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(60)]
    [InlineData(4084)]
    [InlineData(4085)]
    [InlineData(60_000)]
    public void Frame_is_sent_with_its_header_in_as_many_buffers_as_it_needs(int bytes)
    {
        byte[] data = Put(bytes);
        _frame.Header = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp4, 54, 1448, 34, 16, 0);
        Assert.True(_pair.TrySend(_frame));
        Assert.Equal(0, _send.Offered);
        _pair.Kick();
        Assert.Equal(1, _send.Offered);
        byte[] sent = _send.Read(_send.Take());
        Assert.Equal(_frame.Header, VirtioNetHeader.Read(sent));
        Assert.Equal(data, sent[HeaderBytes..]);
    }

    [Fact]
    public void Buffers_that_were_used_are_sent_from_again_and_without_any_nothing_is_sent()
    {
        Put(60);
        for (int i = 0; i < BufferRing.Size; i++) Assert.True(_pair.TrySend(_frame));
        Assert.False(_pair.TrySend(_frame));
        _pair.Kick();
        _send.Use((_send.Take(), 0));
        Assert.True(_pair.TrySend(_frame));
        Assert.False(_pair.TrySend(_frame));
    }

    [Fact]
    public void Buffers_that_are_given_back_twice_or_do_not_exist_free_nothing()
    {
        Put(60);
        for (int i = 0; i < BufferRing.Size; i++) Assert.True(_pair.TrySend(_frame));
        _pair.Kick();
        ushort head = _send.Take();
        _send.Use((head, 0), (head, 0), (BufferRing.Size, 0), (uint.MaxValue, 0));
        Assert.True(_pair.TrySend(_frame));
        Assert.False(_pair.TrySend(_frame));
    }

    [Theory]
    [InlineData(60)]
    [InlineData(4084)]
    [InlineData(4085)]
    [InlineData(9000)]
    public void Frame_comes_whole_from_the_buffers_it_is_spread_over(int bytes)
    {
        byte[] data = [.. Enumerable.Range(0, bytes).Select(static i => (byte)(i * 7))];
        Put(bytes);
        for (int round = 0; round < 300; round++)
        {
            _receive.Deliver(data);
            Assert.True(_pair.TryPeek(out RemoteFrame frame));
            Assert.Equal((bytes, MacAddress.Read(data)), (frame.Bytes, frame.Destination));
            _pair.CopyTo(frame, _frame);
            _pair.Take(frame);
            Assert.False(_pair.TryPeek(out _));
            _pair.Kick();
        }

        byte[] received = new byte[bytes];
        _frame.CopyTo(received);
        Assert.Equal(data, received);
        Assert.Equal(BufferRing.Size, _receive.Offered);
        Assert.False(_pair.IsBroken);
    }

    [Fact]
    public void Header_of_the_back_end_is_not_believed()
    {
        Put(60);
        ushort head = _receive.Take();
        byte[] bytes = new byte[HeaderBytes + 60];
        new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp4, 54, 1448, 0xFFFF, 0xFFFF, 1).Write(bytes);
        _receive.Write(head, bytes);
        _receive.Use((head, (uint)bytes.Length));
        // What the buffer was used for before.
        _frame.Header = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp6, 74, 1428, 54, 16, 0);
        Assert.True(_pair.TryPeek(out RemoteFrame frame));
        _pair.CopyTo(frame, _frame);
        Assert.Equal(default, _frame.Header);
    }

    [Theory]
    [InlineData(0u, 25u, 1)]
    [InlineData(0u, 4097u, 1)]
    [InlineData(256u, 100u, 1)]
    [InlineData(uint.MaxValue, 100u, 1)]
    [InlineData(0u, 100u, 2)]
    [InlineData(0u, 100u, 65535)]
    public void What_cannot_be_breaks_the_queue_and_nothing_more_comes(uint head, uint bytes, int buffers)
    {
        byte[] header = new byte[HeaderBytes];
        new VirtioNetHeader { BufferCount = (ushort)buffers }.Write(header);
        _receive.Write(0, header);
        _receive.Use((head, bytes));
        Assert.False(_pair.TryPeek(out _));
        Assert.True(_pair.IsBroken);
        _receive.Deliver(new byte[60]);
        Assert.False(_pair.TryPeek(out _));
        Assert.True(_pair.AskForCall());
    }

    [Fact]
    public void More_used_than_there_are_breaks_the_queue()
    {
        _receive.Claim(BufferRing.Size + 1);
        Assert.False(_pair.TryPeek(out _));
        Assert.True(_pair.IsBroken);
    }

    [Fact]
    public void Frames_both_ways_allocate_nothing()
    {
        Put(60);
        byte[] data = new byte[60];
        _receive.Deliver(data);
        _receive.Deliver(data);
        _receive.Deliver(data);
        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            Assert.True(_pair.TrySend(_frame));
            Assert.True(_pair.TryPeek(out RemoteFrame frame));
            _pair.CopyTo(frame, _frame);
            _pair.Take(frame);
            _pair.Kick();
            _pair.AskForCall();
        }));
    }

    // The frame's pieces in guest memory are pages apart.
    private byte[] Put(int bytes)
    {
        byte[] data = [.. Enumerable.Range(0, bytes).Select(static i => (byte)(i * 3))];
        _frame.Clear();
        for (int at = 0; at < bytes; at += 4096)
            Assert.True(_frame.TryAdd(_memory, new Gpa((ulong)at * 2), Math.Min(4096, bytes - at)));
        _frame.CopyFrom(data);
        return data;
    }
}
