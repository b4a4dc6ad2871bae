using System.Runtime.CompilerServices;

namespace VmBus.Fuzz.Engine;

/// <summary>A parser or a state machine that takes bytes of a guest, a client or an image.</summary>
/// <remarks>One thread. An execution that throws has found something; so has one that does not end.</remarks>
public interface IFuzzTarget : IDisposable
{
    /// <summary>A word, as the command line takes it.</summary>
    string Name { get; }

    /// <summary>What reads the bytes.</summary>
    string What { get; }

    /// <summary>Inputs to begin with, beside the kept corpus.</summary>
    IEnumerable<byte[]> Seeds { get; }

    /// <summary>Has the bytes read, and checks what must hold then.</summary>
    /// <exception cref="PropertyException">Something that must hold does not; any other exception is a finding too.</exception>
    void Execute(ReadOnlySpan<byte> input);
}

/// <summary>Something that must hold does not.</summary>
public sealed class PropertyException(string what) : Exception(what)
{
    /// <summary>Throws when something does not hold.</summary>
    public static void Must(bool condition, string what)
    {
        if (!condition) throw new PropertyException(what);
    }

    /// <summary>The same with words that are made only when they are needed: most inputs find nothing.</summary>
    public static void Must(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref PropertyWords what)
    {
        if (!condition) throw new PropertyException(what.ToString());
    }
}

/// <summary>The words of a <see cref="PropertyException"/>.</summary>
[InterpolatedStringHandler]
public ref struct PropertyWords
{
    private DefaultInterpolatedStringHandler _words;

    /// <summary>Wanted when the property does not hold.</summary>
    public PropertyWords(int literalLength, int formattedCount, bool condition, out bool isWanted)
    {
        isWanted = !condition;
        _words = isWanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    /// <summary>Adds text.</summary>
    public void AppendLiteral(string value) => _words.AppendLiteral(value);

    /// <summary>Adds a value.</summary>
    public void AppendFormatted<T>(T value) => _words.AppendFormatted(value);

    /// <inheritdoc/>
    public override string ToString() => _words.ToStringAndClear();
}
