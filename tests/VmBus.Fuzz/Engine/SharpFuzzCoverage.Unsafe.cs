using System.Reflection;
using System.Runtime.InteropServices;

namespace VmBus.Fuzz.Engine;

/// <summary>Coverage from code that SharpFuzz has instrumented: a count for each pair of branches, in a map that its instrumentation writes.</summary>
/// <remarks><c>tests/VmBus.Fuzz/run --coverage</c> instruments. Threads of the code under test write too: their counts are worth as much as others.</remarks>
internal sealed unsafe class SharpFuzzCoverage : ICoverage
{
    private const int MapBytes = 65536;

    // SAFETY: the map lives as long as the process, and no instrumented code writes beyond 16 bits of index.
    private readonly byte* _map = (byte*)NativeMemory.AllocZeroed(MapBytes);
    private readonly byte[] _seen = new byte[MapBytes];

    private SharpFuzzCoverage()
    {
    }

    /// <summary>The map of instrumented code; null when none is loaded or it is not instrumented.</summary>
    public static SharpFuzzCoverage? TryStart()
    {
        Type? trace;
        try
        {
            trace = Assembly.Load("SharpFuzz.Common").GetType("SharpFuzz.Common.Trace");
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        if (trace?.GetField("SharedMem") is not { } memory) return null;
        var coverage = new SharpFuzzCoverage();
        memory.SetValue(null, Pointer.Box(coverage._map, typeof(byte*)));
        return coverage;
    }

    /// <inheritdoc/>
    public void Clear() => new Span<byte>(_map, MapBytes).Clear();

    /// <inheritdoc/>
    public bool HasNew()
    {
        bool isNew = false;
        ReadOnlySpan<byte> map = new(_map, MapBytes);
        int at = 0;
        while (map[at..].IndexOfAnyExcept((byte)0) is var step && step >= 0)
        {
            at += step;
            byte bucket = Bucket(map[at]);
            if ((_seen[at] & bucket) == 0)
            {
                _seen[at] |= bucket;
                isNew = true;
            }

            at++;
        }

        return isNew;
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> Reached()
    {
        var reached = new List<int>();
        ReadOnlySpan<byte> map = new(_map, MapBytes);
        for (int at = 0; at < MapBytes; at++)
        {
            if (map[at] != 0) reached.Add((at << 8) | Bucket(map[at]));
        }

        return reached;
    }

    // One bit for once, twice, a few times, often: loops do not count as new with each round.
    private static byte Bucket(byte count) => count switch
    {
        1 => 1,
        2 => 2,
        3 => 4,
        < 8 => 8,
        < 16 => 16,
        < 32 => 32,
        < 128 => 64,
        _ => 128,
    };
}
