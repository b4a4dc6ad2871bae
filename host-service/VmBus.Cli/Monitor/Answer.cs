using VmBus.Cli.Text;
using VmBus.Management.Values;

namespace VmBus.Cli.Monitor;

/// <summary>What became of a command.</summary>
/// <param name="Text">For people: lines that end with a line feed.</param>
/// <param name="Json">For programs.</param>
internal sealed record Answer(string Text, Func<string> Json)
{
    /// <summary>An answer that is a value of the contract.</summary>
    public static Answer Of<T>(T value, string text)
        where T : IControlValue<T> => new(text, () => JsonText.Of(value));
}
