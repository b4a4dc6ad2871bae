namespace VmBus.TestKit;

/// <summary>Counts what a thread allocates.</summary>
/// <remarks>
/// The runtime makes some things of its own on whichever thread needs them first: its cache of casts grows by 6160 bytes, a
/// <see cref="System.Threading.Lock"/> makes an event of 56 bytes when two threads first meet at it. That happens once; what the work
/// allocates by itself it allocates every time. So work is measured several times, and the least counts.
/// </remarks>
public static class Allocations
{
    private const int Runs = 3;

    /// <summary>Runs work three times and returns the bytes of the run in which the calling thread allocated least.</summary>
    public static long LeastOf(Action work) => LeastOf(GC.GetAllocatedBytesForCurrentThread, work);

    /// <summary>Runs work three times and returns the bytes of the run in which another thread allocated least.</summary>
    /// <param name="allocated">Asks for all that the other thread has allocated.</param>
    /// <param name="work">What is measured.</param>
    public static long LeastOf(Func<long> allocated, Action work)
    {
        long least = long.MaxValue;
        for (int i = 0; i < Runs; i++)
        {
            long before = allocated();
            work();
            least = Math.Min(least, allocated() - before);
        }

        return least;
    }
}
