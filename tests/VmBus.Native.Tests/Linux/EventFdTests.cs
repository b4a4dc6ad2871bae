using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>An eventfd counts signals, and a copy of it is the same counter.</summary>
public sealed class EventFdTests
{
    [Fact]
    public void Signals_add_up_until_drained()
    {
        using EventFd signal = EventFd.Create();
        Assert.Equal(0u, signal.Drain());
        signal.Signal();
        signal.Signal();
        Assert.Equal(2u, signal.Drain());
        Assert.Equal(0u, signal.Drain());
    }

    [Fact]
    public void Copy_from_a_process_is_the_same_counter()
    {
        using EventFd signal = EventFd.Create();
        using EventFd copy = EventFd.CopyFromProcess(Environment.ProcessId, signal.Descriptor);
        Assert.NotEqual(signal.Descriptor, copy.Descriptor);
        copy.Signal();
        Assert.Equal(1u, signal.Drain());
    }

    [Fact]
    public void Copy_of_what_is_not_there_names_the_reason()
    {
        LinuxException none = Assert.Throws<LinuxException>(() => EventFd.CopyFromProcess(int.MaxValue, 0));
        Assert.Contains("Opening process", none.Message, StringComparison.Ordinal);
        LinuxException closed = Assert.Throws<LinuxException>(() => EventFd.CopyFromProcess(Environment.ProcessId, 1_000_000));
        Assert.Contains("Copying descriptor", closed.Message, StringComparison.Ordinal);
    }
}
