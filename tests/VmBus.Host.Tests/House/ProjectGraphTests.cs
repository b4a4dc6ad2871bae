using System.Text.RegularExpressions;
using Xunit;

namespace VmBus.Host.Tests.House;

/// <summary>Holds the table of src/ARCHITECTURE.md: who may know whom.</summary>
public sealed partial class ProjectGraphTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["VmBus.Protocol"] = [],
        ["VmBus.Native"] = [],
        ["VmBus.Memory"] = ["VmBus.Protocol", "VmBus.Native"],
        ["VmBus.Lanes"] = ["VmBus.Native"],
        ["VmBus.Management"] = [],
        ["VmBus.Machine"] = ["VmBus.Memory"],
        ["VmBus.Bus"] = ["VmBus.Memory", "VmBus.Lanes"],
        ["VmBus.Storage"] = ["VmBus.Memory", "VmBus.Lanes"],
        ["VmBus.Network"] = ["VmBus.Memory", "VmBus.Lanes"],
        ["VmBus.Providers"] = ["VmBus.Bus", "VmBus.Storage", "VmBus.Network"],
        ["VmBus.Client"] = ["VmBus.Memory"],
        ["VmBus.Host"] = ["VmBus.Machine", "VmBus.Bus", "VmBus.Providers", "VmBus.Storage", "VmBus.Network"],
    };

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Path.Combine(SourceTree.Root, "src")).Select(d => Path.GetFileName(d)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_references_only_what_the_architecture_allows(string project)
    {
        Assert.True(Allowed.TryGetValue(project, out string[]? allowed), $"src/{project} is not in the table of src/ARCHITECTURE.md");
        string text = File.ReadAllText(Path.Combine(SourceTree.Root, "src", project, $"{project}.csproj"));
        IEnumerable<string> referenced = Reference().Matches(text).Select(m => m.Groups[1].Value);
        Assert.Empty(referenced.Except(allowed!));
    }

    [GeneratedRegex("ProjectReference Include=\"[^\"]*/([A-Za-z.]+)\\.csproj\"")]
    private static partial Regex Reference();
}
