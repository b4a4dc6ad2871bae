using System.Runtime.InteropServices;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>A packet brings one descriptor, and whatever else its sender put beside it is not left open here.</summary>
public sealed class PacketSocketTests
{
    private readonly byte[] _buffer = new byte[8];

    [Fact]
    public void Packet_comes_whole_with_its_descriptor()
    {
        (PacketSocket first, PacketSocket second) = PacketSocket.CreatePair();
        using (first)
        using (second)
        using (EventFd sent = EventFd.Create())
        {
            Assert.Equal(-Errno.EAGAIN, second.Receive(_buffer, 0, out int none));
            Assert.Equal(-1, none);
            Assert.Equal(0, first.Send([1, 2, 3], sent));
            Assert.Equal(0, first.Send([4]));
            Assert.Equal(3, second.Receive(_buffer, -1, out int descriptor));
            using EventFd came = EventFd.TryTake(descriptor)!;
            came.Signal();
            Assert.Equal(1u, sent.Drain());
            Assert.Equal(1, second.Receive(_buffer, -1, out none));
            Assert.Equal(-1, none);
            first.Shutdown();
            Assert.Equal(0, second.Receive(_buffer, -1, out _));
            Assert.Equal(-Errno.EPIPE, first.Send([1]));
        }
    }

    [Theory]
    [InlineData(2, 8)]
    [InlineData(5, 8)]
    [InlineData(32, 8)]
    [InlineData(1, 9)]
    [InlineData(2, 9)]
    public void Descriptors_beside_the_first_and_those_of_a_packet_that_is_too_long_are_closed(int count, int bytes)
    {
        (PacketSocket first, PacketSocket second) = PacketSocket.CreatePair();
        using (second)
        using (DescriptorSocket sender = TakeOver(first))
        using (DescriptorPipe pipe = DescriptorPipe.Create(readHere: true))
        using (EventFd one = EventFd.Create())
        {
            SafeHandle[] attachments = [one, .. Enumerable.Repeat<SafeHandle>(pipe.Writer, count - 1)];
            if (bytes > _buffer.Length) attachments[0] = pipe.Writer;
            Assert.Equal(0, sender.Send(new byte[bytes], attachments));
            Assert.Equal(bytes > _buffer.Length ? -Errno.ENOBUFS : bytes, second.Receive(_buffer, -1, out int descriptor));
            if (bytes > _buffer.Length) Assert.Equal(-1, descriptor);
            else EventFd.TryTake(descriptor)!.Dispose();
            pipe.Writer.Dispose();
            // The end of the pipe comes when nobody holds its other end; a child that another test starts does until it executes its program.
            Assert.True(SpinWait.SpinUntil(() => DescriptorIo.Read(pipe.Reader.Descriptor, _buffer) == 0, TimeSpan.FromSeconds(30)));
        }
    }

    private static DescriptorSocket TakeOver(PacketSocket socket)
    {
        var file = new LinuxFile((int)socket.DangerousGetHandle());
        socket.SetHandleAsInvalid();
        return DescriptorSocket.Take(file);
    }
}
