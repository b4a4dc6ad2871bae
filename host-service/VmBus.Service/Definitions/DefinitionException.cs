namespace VmBus.Service.Definitions;

/// <summary>A text is no definition.</summary>
/// <param name="problems">Why, a line each: where in it, which value, what it should be.</param>
internal sealed class DefinitionException(IReadOnlyList<string> problems) : Exception(string.Join("; ", problems))
{
    /// <summary>Why, a line each.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
