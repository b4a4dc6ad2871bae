using System.Globalization;
using VmBus.Coverage;
using VmBus.TestKit.SpecTables;

// VmBus.Coverage REPORT… : the table, then what a guest can reach and no test does. tests/coverage makes the reports.
if (args.Length == 0)
{
    Console.Error.WriteLine("usage: VmBus.Coverage REPORT.json…    tests/coverage makes them");
    return 64;
}

var data = new CoverageData(Repository.Root);
foreach (string report in args) data.Add(report);
var hostOnly = new HostOnly(Repository.Root, File.ReadLines(Path.Combine(Repository.Root, "tests", "VmBus.Coverage", "host-only.txt")));
List<Branch> missed = [];
Console.Out.WriteLine("| assembly | lines | branches | of these a guest's | covered of a guest's |");
Console.Out.WriteLine("|---|---|---|---|---|");
foreach (string module in data.Modules)
{
    (Branch Branch, bool Covered, bool IsGuests)[] branches = [.. data.Branches(module).Select(one => (one.Branch, one.Covered, !hostOnly.Has(one.Branch)))];
    var guests = branches.Where(static one => one.IsGuests).ToArray();
    (int covered, int all) = data.Lines(module);
    Console.Out.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {module} | {Share(covered, all)} | {Share(branches.Count(static one => one.Covered), branches.Length)} | {guests.Length} | {Share(guests.Count(static one => one.Covered), guests.Length)} |"));
    missed.AddRange(guests.Where(static one => !one.Covered).Select(static one => one.Branch));
}

Console.Out.WriteLine("\nBranches that a guest may reach and no test does, by file and line:\n");
foreach (IGrouping<string, Branch> file in missed.GroupBy(static branch => branch.File))
    Console.Out.WriteLine($"{file.Key}: {string.Join(", ", file.GroupBy(static branch => branch.Line).Select(static line => line.Count() == 1 ? $"{line.Key}" : $"{line.Key} ({line.Count()})"))}");
foreach (string row in hostOnly.Unused) Console.Out.WriteLine($"host-only.txt: nothing is meant by '{row}'");
return 0;

static string Share(int part, int all) => string.Create(CultureInfo.InvariantCulture, $"{part} of {all} ({(all == 0 ? 100 : 100.0 * part / all):0.0} %)");
