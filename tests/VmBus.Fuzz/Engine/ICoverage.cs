namespace VmBus.Fuzz.Engine;

/// <summary>Which branches of the code under test an input has reached.</summary>
internal interface ICoverage
{
    /// <summary>Before an input.</summary>
    void Clear();

    /// <summary>Whether an input has reached what none before has; it counts then.</summary>
    bool HasNew();

    /// <summary>What the last input has reached: a number for each branch and how often, in no order.</summary>
    IReadOnlyList<int> Reached();
}
