namespace VmBus.Fuzz.Engine;

/// <summary>What an input has brought about.</summary>
/// <param name="Target">The target's name.</param>
/// <param name="Input">The input; with a target that keeps state between inputs, the last of several that were needed.</param>
/// <param name="Problem">The exception, or that it did not end.</param>
public sealed record Finding(string Target, byte[] Input, string Problem);
