using VmBus.Memory.Streams;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Memory.Tests.Streams;

public sealed class StreamBufferTests
{
    [Fact]
    public void Bytes_come_out_in_order_however_they_went_in()
    {
        (LinuxFile ours, LinuxFile theirs) = Connect();
        using (ours)
        using (theirs)
        using (var to = new StreamBuffer(100))
        using (var from = new StreamBuffer(70, headroom: 8))
        {
            var random = new Random(1);
            byte sent = 0, received = 0;
            for (int round = 0; round < 5000; round++)
            {
                var part = new byte[random.Next(1, 60)];
                for (int i = 0; i < part.Length; i++) part[i] = (byte)(sent + i);
                if (to.TryAdd(part)) sent += (byte)part.Length;
                Assert.True(to.WriteTo(ours) is >= 0 or -Errno.EAGAIN);
                if (from.Room > 0) Assert.True(from.ReadFrom(theirs) is > 0 or -Errno.EAGAIN);
                int count = random.Next(0, from.Count + 1);
                Span<byte> taken = from.TakeWithHeadroom(count);
                taken[..8].Fill(0xEE);
                for (int i = 8; i < taken.Length; i++) Assert.Equal(received++, taken[i]);
                int back = random.Next(0, count + 1);
                from.Return(back);
                received -= (byte)back;
            }
        }
    }

    [Fact]
    public void What_does_not_fit_is_not_added_at_all()
    {
        using var buffer = new StreamBuffer(10);
        Assert.True(buffer.TryAdd(new byte[6]));
        Assert.False(buffer.TryAdd(new byte[5]));
        Assert.Equal((6, 4), (buffer.Count, buffer.Room));
        buffer.TakeWithHeadroom(3);
        Assert.True(buffer.TryAdd(new byte[7]));
        Assert.Equal((10, 0), (buffer.Count, buffer.Room));
    }

    [Fact]
    public void End_of_the_stream_is_0_and_an_empty_one_tries_again()
    {
        (LinuxFile ours, LinuxFile theirs) = Connect();
        using var buffer = new StreamBuffer(10);
        Assert.Equal(-Errno.EAGAIN, buffer.ReadFrom(ours));
        theirs.Dispose();
        Assert.Equal(0, buffer.ReadFrom(ours));
        ours.Dispose();
    }

    private static (LinuxFile Ours, LinuxFile Theirs) Connect()
    {
        string folder = Directory.CreateTempSubdirectory("vmbus-stream-").FullName;
        string path = Path.Combine(folder, "s");
        using LinuxFile listener = UnixSocket.TryListen(path, blocking: false, out _)!;
        LinuxFile ours = UnixSocket.TryConnect(path, out _)!;
        LinuxFile theirs = UnixSocket.TryAccept(listener, out _)!;
        Directory.Delete(folder, recursive: true);
        return (ours, theirs);
    }
}
