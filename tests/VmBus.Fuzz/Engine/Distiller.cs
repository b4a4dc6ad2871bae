namespace VmBus.Fuzz.Engine;

/// <summary>Chooses the inputs that a corpus is kept small by: together they reach the most for their bytes.</summary>
internal static class Distiller
{
    // What a line of a file costs beside its bytes.
    private const int LineBytes = 8;

    /// <summary>Chooses, best first.</summary>
    /// <param name="inputs">Inputs, each with what it reaches.</param>
    /// <param name="known">What is reached without them; what they add is added.</param>
    /// <param name="budget">Bytes that they may have together, and <see cref="LineBytes"/> for each.</param>
    public static IReadOnlyList<byte[]> Choose(IEnumerable<(byte[] Input, IReadOnlyList<int> Reached)> inputs, HashSet<int> known, int budget)
    {
        var chosen = new List<byte[]>();
        var waiting = new PriorityQueue<(byte[] Input, IReadOnlyList<int> Reached), double>();
        foreach ((byte[] Input, IReadOnlyList<int> Reached) one in inputs) waiting.Enqueue(one, -Worth(one, known));
        while (waiting.TryDequeue(out (byte[] Input, IReadOnlyList<int> Reached) best, out double before))
        {
            double worth = Worth(best, known);
            if (worth == 0 || best.Input.Length + LineBytes > budget) continue;
            // Others may be worth more since.
            if (worth < -before && waiting.TryPeek(out _, out double next) && worth < -next)
            {
                waiting.Enqueue(best, -worth);
                continue;
            }

            chosen.Add(best.Input);
            known.UnionWith(best.Reached);
            budget -= best.Input.Length + LineBytes;
        }

        return chosen;
    }

    private static double Worth((byte[] Input, IReadOnlyList<int> Reached) one, HashSet<int> known) => (double)one.Reached.Count(branch => !known.Contains(branch)) / (one.Input.Length + LineBytes);
}
