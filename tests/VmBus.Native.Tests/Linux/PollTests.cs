using System.Runtime.InteropServices;
using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

/// <summary>A wait ends when what it waits for is there, or its time is over: not at a signal, which the runtime sends to any thread.</summary>
public sealed partial class PollTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    [Fact]
    public void Wait_for_an_event_is_not_ended_by_a_signal()
    {
        using EventFd awaited = EventFd.Create();
        Assert.True(WaitWhileSignalled(() => awaited.Wait(Long), awaited.Signal));
    }

    [Fact]
    public void Wait_for_input_is_not_ended_by_a_signal()
    {
        using EventFd awaited = EventFd.Create(), wake = EventFd.Create();
        Assert.True(WaitWhileSignalled(() => DescriptorIo.WaitForInput(awaited.Descriptor, wake, Long).Readable, awaited.Signal));
    }

    [Fact]
    public void Wait_of_a_set_is_not_ended_by_a_signal()
    {
        using EventFd awaited = EventFd.Create();
        var set = new PollSet();
        set.Add(awaited.Descriptor, read: true);
        Assert.True(WaitWhileSignalled(() => set.Wait((int)Long.TotalMilliseconds), awaited.Signal));
    }

    [Fact]
    public void Wait_for_a_packet_is_not_ended_by_a_signal()
    {
        (PacketSocket first, PacketSocket second) = PacketSocket.CreatePair();
        using (first)
        using (second)
            Assert.Equal(1, WaitWhileSignalled(() => second.Receive(new byte[8], (int)Long.TotalMilliseconds, out _), () => Assert.Equal(0, first.Send([1]))));
    }

    [Fact]
    public void Signals_do_not_make_a_wait_longer()
    {
        using EventFd never = EventFd.Create();
        bool isOver = false;
        bool WaitShortly()
        {
            bool came = never.Wait(TimeSpan.FromMilliseconds(20));
            isOver = true;
            return came;
        }

        // Signals come for much longer than that, and the wait is over before they are.
        Assert.False(WaitWhileSignalled(WaitShortly, () => Assert.True(isOver), signals: 200_000));
    }

    // Signals the thread that waits many times while it sleeps, and only then has come what it waits for.
    private static T WaitWhileSignalled<T>(Func<T> wait, Action end, int signals = 50)
    {
        const int SIGCONT = 18;
        // A signal that nobody handles interrupts nothing.
        using var handled = PosixSignalRegistration.Create(PosixSignal.SIGCONT, static _ => { });
        var thread = new TaskCompletionSource<int>();
        T? result = default;
        var waits = new Thread(() =>
        {
            thread.SetResult(gettid());
            result = wait();
        });
        waits.Start();
        int id = thread.Task.Result;
        for (int sent = 0; sent < signals && waits.IsAlive;)
        {
            if (!IsAsleep(id)) Thread.Yield();
            else if (tgkill(Environment.ProcessId, id, SIGCONT) == 0) sent++;
        }

        end();
        waits.Join();
        return result!;
    }

    private static bool IsAsleep(int thread)
    {
        try
        {
            string status = File.ReadAllText($"/proc/self/task/{thread}/stat");
            return status.AsSpan(status.LastIndexOf(')') + 2) is ['S', ..];
        }
        catch (IOException)
        {
            // It has ended.
            return false;
        }
    }

    [LibraryImport("libc")]
    private static partial int gettid();

    [LibraryImport("libc")]
    private static partial int tgkill(int process, int thread, int signal);
}
