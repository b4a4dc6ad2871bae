using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Kvm;

/// <summary>The signal that takes threads out of KVM_RUN.</summary>
public sealed class KickSignalTests
{
    [Fact]
    public void Kicks_during_collections_do_no_harm()
    {
        KickSignal.Install();
        KickSignal.Install();
        using var ready = new ManualResetEventSlim();
        int threadId = 0;
        bool stop = false;
        long allocated = 0;
        var worker = new Thread(() =>
        {
            threadId = KickSignal.CurrentThreadId;
            ready.Set();
            while (!Volatile.Read(ref stop)) allocated += new byte[100].Length;
        });
        worker.Start();
        ready.Wait();
        for (int i = 0; i < 2000; i++)
        {
            KickSignal.Send(threadId);
            if (i % 100 == 0) GC.Collect();
        }

        Volatile.Write(ref stop, true);
        worker.Join();
        Assert.True(allocated > 0);
        KickSignal.Send(threadId);
    }
}
