namespace VmBus.Native.Linux;

/// <summary>A program that serves this process. Any thread may use the members.</summary>
public interface IServingProcess : IDisposable
{
    /// <summary>Raised once, on any thread, when it has ended and its last words are known.</summary>
    event Action<IServingProcess>? Ended;

    /// <summary>Its process id.</summary>
    int ProcessId { get; }

    /// <summary>Whether it has ended and its last words are known.</summary>
    bool HasEnded { get; }

    /// <summary>The last lines that it wrote; empty when it said nothing, or says it elsewhere.</summary>
    IReadOnlyList<string> LastWords { get; }

    /// <summary>Waits for its end.</summary>
    /// <returns>False when it has not come in time.</returns>
    bool WaitForEnd(TimeSpan limit);

    /// <summary>Ends it at once, where this process may. Nothing happens when it has ended.</summary>
    void Kill();
}
