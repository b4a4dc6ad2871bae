using System.Text.Json;

namespace VmBus.Coverage;

/// <summary>What several runs have covered together: a line or a branch counts as covered when it was in any of them.</summary>
/// <remarks>Source: coverlet's JSON, which is by module, file, class and method.</remarks>
internal sealed class CoverageData(string root)
{
    private readonly Dictionary<(string Module, string File, int Line), bool> _lines = [];
    private readonly Dictionary<(string Module, Branch Branch), bool> _branches = [];

    /// <summary>The assemblies in alphabetical order.</summary>
    public IReadOnlyList<string> Modules => [.. _lines.Keys.Select(static line => line.Module).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Adds a run.</summary>
    public void Add(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (JsonProperty module in document.RootElement.EnumerateObject())
        {
            string name = Path.GetFileNameWithoutExtension(module.Name);
            foreach (JsonProperty file in module.Value.EnumerateObject())
            {
                string source = Path.GetRelativePath(root, file.Name);
                foreach (JsonProperty method in file.Value.EnumerateObject().SelectMany(static type => type.Value.EnumerateObject())) Add(name, source, method);
            }
        }
    }

    /// <summary>Lines of an assembly, and those that are covered.</summary>
    public (int Covered, int All) Lines(string module)
    {
        bool[] found = [.. _lines.Where(line => line.Key.Module == module).Select(static line => line.Value)];
        return (found.Count(static covered => covered), found.Length);
    }

    /// <summary>The branches of an assembly, each with whether it is covered, in the order of files and lines.</summary>
    public IEnumerable<(Branch Branch, bool Covered)> Branches(string module)
        => _branches.Where(branch => branch.Key.Module == module).Select(static branch => (branch.Key.Branch, branch.Value)).OrderBy(static one => one.Branch.File, StringComparer.Ordinal).ThenBy(static one => one.Branch.Line);

    private void Add(string module, string file, JsonProperty method)
    {
        foreach (JsonProperty line in method.Value.GetProperty("Lines").EnumerateObject())
        {
            (string, string, int) key = (module, file, int.Parse(line.Name, System.Globalization.CultureInfo.InvariantCulture));
            _lines[key] = _lines.GetValueOrDefault(key) || line.Value.GetInt64() > 0;
        }

        foreach (JsonElement branch in method.Value.GetProperty("Branches").EnumerateArray())
        {
            var found = new Branch(file, branch.GetProperty("Line").GetInt32(), method.Name, branch.GetProperty("Offset").GetInt32(), branch.GetProperty("Path").GetInt32());
            _branches[(module, found)] = _branches.GetValueOrDefault((module, found)) || branch.GetProperty("Hits").GetInt64() > 0;
        }
    }
}
