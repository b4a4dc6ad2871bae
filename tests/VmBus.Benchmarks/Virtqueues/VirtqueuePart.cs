using System.Diagnostics;
using VmBus.Memory.Guest;
using VmBus.Virtio.Queues;

namespace VmBus.Benchmarks.Virtqueues;

/// <summary>Virtqueues alone: a driver and the device's end on one thread, so what is measured is what the rings cost and not who wakes whom.</summary>
internal sealed class VirtqueuePart : IBenchmarkPart
{
    private const int Size = 256;
    private const int Requests = 1_000_000;

    public string Name => "virtqueue";

    public string Summary => "requests of three pieces through split and packed virtqueues, driver and device on one thread; bytes allocated";

    public void Run(BenchmarkOptions options, BenchmarkReport report)
    {
        int requests = options.Quick ? Requests / 10 : Requests;
        var dropped = new BenchmarkReport("warm-up");
        for (int round = 0; round <= options.Repeat; round++)
        {
            foreach (bool indirect in new[] { false, true })
            {
                foreach (int batch in new[] { 1, 32 })
                {
                    string suffix = $"{(indirect ? "indirect" : "direct")}, {(batch == 1 ? "one at a time" : $"batches of {batch}")}";
                    Measure(round == 0 ? dropped : report, $"split, {suffix}", memory => new SplitRing(memory, Size, indirect), batch, requests, null);
                    Measure(round == 0 ? dropped : report, $"packed, {suffix}", memory => new PackedRing(memory, Size, indirect), batch, requests, $"split, {suffix}");
                }
            }
        }
    }

    private static void Measure(BenchmarkReport report, string row, Func<GuestMemory, DriverRing> open, int batch, int requests, string? peer)
    {
        using GuestMemory memory = GuestMemory.Create((ulong)DriverRing.MemoryBytes);
        DriverRing driver = open(memory);
        Virtqueue device = driver.Open();
        DescriptorChain[] chains = [.. Enumerable.Range(0, batch).Select(static _ => new DescriptorChain())];
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        for (int done = 0; done < requests; done += batch) Turn(driver, device, chains);
        double nanoseconds = Stopwatch.GetElapsedTime(started).TotalNanoseconds;
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        report.Add(row, "ns/request", nanoseconds / requests, peer);
        report.Add(row + ", allocated", "bytes/request", (double)allocated / requests);
    }

    private static void Turn(DriverRing driver, Virtqueue device, DescriptorChain[] chains)
    {
        for (int i = 0; i < chains.Length; i++) driver.Offer();
        driver.Publish();
        int taken = 0;
        while (taken < chains.Length && device.TryTake(chains[taken]) == QueueTake.Taken) taken++;
        for (int i = 0; i < taken; i++) device.Complete(chains[i], (uint)chains[i].WritableBytes);
        device.Publish();
        int used = 0;
        while (driver.TryTakeUsed()) used++;
        if (used != chains.Length) throw new InvalidOperationException($"{used} of {chains.Length} requests ended: {device.Problem}");
    }
}
