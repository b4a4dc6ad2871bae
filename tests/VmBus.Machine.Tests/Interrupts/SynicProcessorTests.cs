using VmBus.Machine.Interrupts;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Machine.Tests.Interrupts;

/// <summary>Who waits for whom: a guest that takes a page away may use it for something else as soon as its register write is done.</summary>
public sealed class SynicProcessorTests : IDisposable
{
    private const ulong EventPage = 0x4000, MessagePage = 0x5000;

    private readonly GuestMemory _memory = GuestMemory.Create(16 * Gpa.PageBytes);
    private readonly EventFd _endOfMessage = EventFd.Create();
    private readonly SynicProcessor _processor;

    public SynicProcessorTests()
    {
        _processor = new SynicProcessor(_memory, EventFd.Create());
        _ = _processor.Update(1, EventPage | 1, MessagePage | 1);
        _processor.SetMask(false);
    }

    public void Dispose()
    {
        _processor.Dispose();
        _endOfMessage.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void Page_change_waits_for_the_users_of_the_old_page()
        => Assert.True(WaitsForAUser(() => _processor.Update(1, EventPage | 1, 0)));

    [Fact]
    public void Flag_waits_for_a_page_change() => Assert.True(WaitsForAUser(() => _processor.Raise(5)));

    [Fact]
    public void Message_waits_for_a_page_change()
        => Assert.True(WaitsForAUser(() => _processor.TryDeliver(1, new byte[8], false, _endOfMessage)));

    [Fact]
    public void Mask_waits_for_the_users_of_the_pages() => Assert.True(WaitsForAUser(() => _processor.SetMask(true)));

    [Fact]
    public void Close_waits_for_the_users_of_the_pages() => Assert.True(WaitsForAUser(_processor.Close));

    // Stands in for a user of the pages, and sees whether the work stops at it or goes through.
    private bool WaitsForAUser(Action work)
    {
        var worker = new Thread(() => work());
        bool waits;
        lock (_processor.Gate)
        {
            worker.Start();
            while ((worker.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) == 0) Thread.Yield();
            waits = (worker.ThreadState & ThreadState.WaitSleepJoin) != 0;
        }

        worker.Join();
        return waits;
    }
}
