using System.Globalization;
using VmBus.Fuzz;
using VmBus.Fuzz.Engine;
using VmBus.Fuzz.Targets;
using VmBus.TestKit.SpecTables;

FuzzOptions options;
try
{
    options = FuzzOptions.Parse(args);
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"fuzz: {exception.Message}");
    return 2;
}

if (options.ShowsHelp)
{
    Console.Out.WriteLine(FuzzOptions.Help);
    return 0;
}

string corpusFolder = Path.Combine(Repository.Root, "tests", "VmBus.Fuzz", "corpus");
string findingsFolder = Path.Combine(Repository.Root, "artifacts", "fuzz");
SharpFuzzCoverage? coverage = SharpFuzzCoverage.TryStart();
int found = 0;
if (!options.List && options.Replay is null)
{
    // A table of markdown, which protocol-spec/fuzzing.md keeps.
    Console.Out.WriteLine($"seed {options.Seed}{(coverage is null ? "" : ", guided by branches")}\n");
    Console.Out.WriteLine($"| {"target",-16} | {"executions",11} | {"per second",10} | inputs | grown KiB | findings |");
    Console.Out.WriteLine("|---|---|---|---|---|---|");
}

foreach ((string name, Func<IFuzzTarget> make) in AllTargets.List)
{
    if (options.Targets.Count > 0 && !options.Targets.Contains(name)) continue;
    using IFuzzTarget target = make();
    if (options.List)
    {
        Console.Out.WriteLine($"{name,-18} {target.What}");
        continue;
    }

    if (options.Replay is { } input)
    {
        target.Execute(input);
        Console.Out.WriteLine($"{name}: {input.Length} bytes, nothing found");
        continue;
    }

    var run = new FuzzRun(target, Corpus.Load(corpusFolder, name), options.Seed)
    {
        Executions = options.Executions,
        Time = options.Time,
        Coverage = coverage,
        OnHang = static finding =>
        {
            Console.Error.WriteLine($"fuzz: {finding.Target} {finding.Problem}: {Convert.ToHexStringLower(finding.Input)}");
            Environment.Exit(1);
        },
    };
    FuzzResult result = run.Run();
    Console.Out.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {name,-16} | {result.Executions,11} | {result.Rate,10:0} | {result.Kept,6} | {result.GrownBytes >> 10,9} | {result.Findings.Count,8} |"));
    if (options.Keep && coverage is not null) Corpus.Replace(corpusFolder, name, result.Best);
    foreach (Finding finding in result.Findings)
    {
        found++;
        Directory.CreateDirectory(findingsFolder);
        string file = Path.Combine(findingsFolder, $"{name}-{found}.txt");
        File.WriteAllText(file, $"{Convert.ToHexStringLower(finding.Input)}\n{finding.Problem}\n");
        Console.Error.WriteLine($"fuzz: {name}: {finding.Problem.Split('\n')[0]}\n    {file}");
        if (options.Keep && finding.Input.Length > 0) Corpus.Keep(corpusFolder, name, finding.Input, "found something");
    }
}

return found == 0 ? 0 : 1;
