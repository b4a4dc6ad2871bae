using System.Globalization;
using VmBus.Fuzz.Targets;

namespace VmBus.Fuzz;

/// <summary>What the command line says.</summary>
internal sealed record FuzzOptions
{
    /// <summary>How to call the command.</summary>
    public const string Help = """
        Gives every parser and state machine that takes bytes of a guest, a client or an image inputs that nobody sends.

          tests/VmBus.Fuzz/run [--seconds N | --executions N] [--seed N] [--keep] [--coverage] [--replay HEX] [TARGET…]

          --seconds N      for so long each target; 10 unless said otherwise
          --executions N   so many inputs each
          --seed N         of the random numbers; another each time unless given
          --keep           add inputs that found something to tests/VmBus.Fuzz/corpus, and with --coverage keep there the few that reach the most
          --coverage       guided by branches: the code is instrumented first, by SharpFuzz
          --replay HEX     one input, once, to the one TARGET that is named
          --list           the targets

        Exit status 0 when nothing was found, 1 when something was.
        """;

    /// <summary>For how long each.</summary>
    public TimeSpan Time { get; private set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many inputs each; 0 for no limit.</summary>
    public long Executions { get; private set; }

    /// <summary>Of the random numbers.</summary>
    public int Seed { get; private set; } = Environment.TickCount;

    /// <summary>Whether the corpus grows.</summary>
    public bool Keep { get; private set; }

    /// <summary>Whether to list and end.</summary>
    public bool List { get; private set; }

    /// <summary>Whether to explain and end.</summary>
    public bool ShowsHelp { get; private set; }

    /// <summary>One input.</summary>
    public byte[]? Replay { get; private set; }

    /// <summary>The targets that are named; all when empty.</summary>
    public List<string> Targets { get; } = [];

    /// <summary>Reads the words.</summary>
    /// <exception cref="FormatException">One cannot be understood; the message is one line for people.</exception>
    public static FuzzOptions Parse(string[] words)
    {
        var options = new FuzzOptions();
        for (int i = 0; i < words.Length; i++)
        {
            string Value() => ++i < words.Length ? words[i] : throw new FormatException($"{words[i - 1]} needs a value: --help shows which.");
            switch (words[i])
            {
                case "--seconds":
                    options.Time = TimeSpan.FromSeconds(Number(words[i], Value()));
                    break;
                case "--executions":
                    (options.Executions, options.Time) = (Number(words[i], Value()), TimeSpan.Zero);
                    break;
                case "--seed":
                    options.Seed = (int)Number(words[i], Value());
                    break;
                case "--keep":
                    options.Keep = true;
                    break;
                case "--replay":
                    options.Replay = Convert.FromHexString(Value());
                    break;
                case "--list":
                    options.List = true;
                    break;
                case "--help":
                    options.ShowsHelp = true;
                    break;
                default:
                    if (!AllTargets.List.Any(target => target.Name == words[i])) throw new FormatException($"There is no option or target '{words[i]}': --list shows the targets, --help the options.");
                    options.Targets.Add(words[i]);
                    break;
            }
        }

        if (options.Replay is not null && options.Targets.Count != 1) throw new FormatException("--replay needs the one target that the input is for.");
        return options;
    }

    private static long Number(string option, string text)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value is > 0 and <= int.MaxValue
            ? value
            : throw new FormatException($"{option} takes a number from 1 to {int.MaxValue}, not '{text}'.");
}
