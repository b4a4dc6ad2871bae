namespace VmBus.Service.Definitions;

/// <summary>A text is no definition.</summary>
/// <param name="problems">Why, a line each: where in it, which value, what it should be. What they quote of the text loses its control characters here.</param>
internal sealed class DefinitionException(IReadOnlyList<string> problems) : Exception(string.Join("; ", problems.Select(Clean)))
{
    /// <summary>Why, a line each.</summary>
    public IReadOnlyList<string> Problems { get; } = [.. problems.Select(Clean)];

    private static string Clean(string problem) => string.Concat(problem.Select(static c => char.IsControl(c) ? ' ' : c));
}
