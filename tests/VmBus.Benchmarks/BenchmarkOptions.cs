using System.Globalization;

namespace VmBus.Benchmarks;

/// <summary>The command line.</summary>
/// <param name="Part">Which part to run.</param>
/// <param name="Repeat">Samples of each measurement, at least 3.</param>
/// <param name="JsonPath">Where the results go as JSON, or null.</param>
/// <param name="Quick">Whether to do a fraction of the work, for a first look.</param>
internal sealed record BenchmarkOptions(string Part, int Repeat, string? JsonPath, bool Quick)
{
    internal static bool TryParse(string[] args, out BenchmarkOptions? options, out string? mistake)
    {
        options = null;
        mistake = "a part is needed";
        if (args.Length == 0) return false;
        int repeat = 5;
        string? json = null;
        bool quick = args.Contains("--quick", StringComparer.Ordinal);
        args = [.. args.Where(arg => arg != "--quick")];
        if (args.Length == 0) return false;
        for (int i = 1; i < args.Length; i += 2)
        {
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            switch (args[i])
            {
                case "--json" when value is not null:
                    json = value;
                    break;
                case "--repeat" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out repeat) && repeat >= 3:
                    break;
                case "--repeat":
                    mistake = "--repeat takes a number of 3 or more";
                    return false;
                default:
                    mistake = $"'{args[i]}' is not an option, or its value is missing";
                    return false;
            }
        }

        options = new BenchmarkOptions(args[0], repeat, json, quick);
        return true;
    }
}
