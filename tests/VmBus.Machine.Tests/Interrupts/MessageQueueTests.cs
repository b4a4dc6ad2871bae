using VmBus.Machine.Interrupts;
using Xunit;

namespace VmBus.Machine.Tests.Interrupts;

/// <summary>The queue keeps order and content across wrapping and growth.</summary>
public sealed class MessageQueueTests
{
    [Fact]
    public void Messages_leave_in_order_across_wraps_and_growth()
    {
        var queue = new MessageQueue();
        int next = 0;
        int expected = 0;
        for (int round = 0; round < 40; round++)
        {
            for (int i = 0; i < 20; i++) Assert.True(queue.TryAdd(Message(next++)));
            for (int i = 0; i < 15; i++)
            {
                Assert.Equal(Message(expected++), queue.Peek().ToArray());
                queue.RemoveFirst();
            }
        }

        Assert.Equal(next - expected, queue.Count);
        queue.Clear();
        Assert.Equal(0, queue.Count);
    }

    private static byte[] Message(int number)
    {
        byte[] message = new byte[4 + (number % 237)];
        BitConverter.TryWriteBytes(message, number);
        return message;
    }
}
