using VmBus.Management.Messages;

namespace VmBus.Control.Verbs;

/// <summary>The members of our enums as the contract writes them: in lower case, with dashes between their words.</summary>
public static class Words
{
    /// <summary>The word for a value.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum
        => string.Concat(value.ToString().Select((c, at) => char.IsUpper(c) ? $"{(at > 0 ? "-" : "")}{char.ToLowerInvariant(c)}" : c.ToString()));

    /// <summary>The value of a word.</summary>
    /// <exception cref="ControlException">It is none of them.</exception>
    public static T Parse<T>(string word, params ReadOnlySpan<T> known)
        where T : struct, Enum
    {
        foreach (T value in known)
        {
            if (Of(value) == word) return value;
        }

        throw new ControlException(ControlErrorCode.BadParameters, $"'{word}' is none of {string.Join(", ", known.ToArray().Select(Of))}.");
    }
}
