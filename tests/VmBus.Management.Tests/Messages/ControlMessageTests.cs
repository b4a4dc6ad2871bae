using VmBus.Management.Framing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Management.Tests.Messages;

public sealed class ControlMessageTests
{
    private static readonly DiskReport Disk = new("data", 1, "/images/data,1.qcow2", "qcow2", false, "attached", 64L << 30, "vmbus");

    private static readonly ControlEvent Ended = new(1_795_675_377_123, "guest", "powered-off", null, null, null, null);

    [Fact]
    public void Frames_are_those_that_python_makes()
    {
        Assert.Equal(SpecVector.Load("control-hello-request"), ControlMessage.Request(1, "hello", new HelloRequest("vmbus 0.1.0", 1, 1)).ToArray());
        Assert.Equal(SpecVector.Load("control-hello-response"), ControlMessage.Response(1, new HelloReply("vmbus 0.1.0", 1)).ToArray());
        Assert.Equal(
            SpecVector.Load("control-disk-add-request"),
            ControlMessage.Request(300, "disk.add", new AddRequest("/images/data,,1.qcow2,format=qcow2,id=data")).ToArray());
        Assert.Equal(SpecVector.Load("control-disk-add-response"), ControlMessage.Response(300, Disk).ToArray());
        Assert.Equal(
            SpecVector.Load("control-disk-add-error"),
            ControlMessage.Failure(300, new ControlException(ControlErrorCode.Failed, "Disk '/images/data,1.qcow2' is in use.")).ToArray());
        Assert.Equal(SpecVector.Load("control-event-ended"), ControlMessage.Event(2, "partition.ended", Ended).ToArray());
        Assert.Equal(
            SpecVector.Load("control-event-channel"),
            ControlMessage.Event(2, "channel.opened", Ended with { Reason = null, Channel = 3, Device = "network", Subchannel = 1 }).ToArray());
    }

    [Fact]
    public void Frames_that_python_makes_are_read()
    {
        ControlMessage request = Read("control-disk-add-request");
        Assert.Equal((MessageKind.Request, 300u, "disk.add"), (request.Kind, request.Id, request.Name));
        Assert.Equal(new AddRequest("/images/data,,1.qcow2,format=qcow2,id=data"), request.ReadBody<AddRequest>());
        Assert.Equal(Disk, Read("control-disk-add-response").ReadBody<DiskReport>());
        Assert.Equal(ControlErrorCode.Failed, Read("control-disk-add-error").Error!.Code);
        Assert.Equal(Ended, Read("control-event-ended").ReadBody<ControlEvent>());
    }

    [Theory]
    [InlineData("94 00 01 a1 61 80 c0")]
    [InlineData("93 00 01 a1 61")]
    [InlineData("94 03 01 a1 61 80")]
    [InlineData("94 00 ff a1 61 80")]
    [InlineData("94 00 01 a0 80")]
    [InlineData("94 00 01 c0 80")]
    [InlineData("94 00 01 a1 41 80")]
    [InlineData("94 00 01 a1 0a 80")]
    [InlineData("94 01 01 91 05 c0")]
    [InlineData("94 00 01 a1 61 81")]
    [InlineData("94 00 01 a1 61 c1")]
    [InlineData("80")]
    public void Bytes_that_are_no_message_are_refused(string hex)
        => Assert.Equal(
            ControlErrorCode.BadMessage,
            Assert.Throws<ControlException>(() => ControlMessage.Read(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)))).Code);

    [Fact]
    public void Changed_messages_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(6);
        byte[][] originals =
        [
            .. Samples.All.Values.Select(sample => new byte[] { 0x94, 0, 1, 0xA1, 0x61 }.Concat(sample.Bytes).ToArray()),
            SpecVector.Load("control-disk-add-error")[FrameHeader.Size..],
        ];
        int read = 0;
        for (int round = 0; round < 2_000; round++)
        {
            byte[] bytes = [.. originals[random.Next(originals.Length)]];
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            foreach (Samples.Sample sample in Samples.All.Values) read += TryRead(bytes, sample) ? 1 : 0;
        }

        Assert.NotEqual(0, read);
    }

    [Fact]
    public async Task Frame_that_comes_byte_by_byte_is_read_whole()
    {
        byte[] frame = SpecVector.Load("control-disk-add-response");
        var reader = new FrameReader(new Trickle([.. frame, .. frame]), 1000, TimeSpan.FromMinutes(1));
        Assert.Equal(frame[FrameHeader.Size..], (await reader.ReadAsync(default))!.Value.ToArray());
        Assert.Equal(frame[FrameHeader.Size..], (await reader.ReadAsync(default))!.Value.ToArray());
        Assert.Null(await reader.ReadAsync(default));
    }

    [Theory]
    [InlineData("00 00 00 00", "0 bytes")]
    [InlineData("e9 03 00 00 01", "1001 bytes")]
    [InlineData("ff ff ff ff 01", "4294967295 bytes")]
    [InlineData("05 00 00 00 01", "within a message")]
    [InlineData("05 00", "within a message")]
    public async Task Frame_that_cannot_be_is_refused(string hex, string named)
    {
        var reader = new FrameReader(
            new MemoryStream(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))), 1000, TimeSpan.FromMinutes(1));
        ControlException refusal = await Assert.ThrowsAsync<ControlException>(() => reader.ReadAsync(default).AsTask());
        Assert.Equal(ControlErrorCode.BadMessage, refusal.Code);
        Assert.Contains(named, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frame_that_claims_to_be_large_takes_no_memory_before_it_comes()
    {
        byte[] claim = [0, 0, 0, 0x40, 1, 2, 3];
        var reader = new FrameReader(new MemoryStream(claim), int.MaxValue, TimeSpan.FromMinutes(1));
        long before = GC.GetTotalAllocatedBytes();
        await Assert.ThrowsAsync<ControlException>(() => reader.ReadAsync(default).AsTask());
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64L << 20);
    }

    private static ControlMessage Read(string vector) => ControlMessage.Read(SpecVector.Load(vector).AsMemory(FrameHeader.Size));

    private static bool TryRead(byte[] bytes, Samples.Sample sample)
    {
        try
        {
            sample.Read(ControlMessage.Read(bytes).Body.ToArray());
            return true;
        }
        catch (ControlException exception)
        {
            Assert.DoesNotContain('\n', exception.Message);
            return false;
        }
    }

    // A stream that gives one byte at a time.
    private sealed class Trickle(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            => base.ReadAsync(buffer[..Math.Min(1, buffer.Length)], cancellationToken);
    }
}
