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
        ["VmBus.Sockets"] = ["VmBus.Memory", "VmBus.Lanes"],
        ["VmBus.Providers"] = ["VmBus.Bus", "VmBus.Storage", "VmBus.Network", "VmBus.Sockets"],
        ["VmBus.Virtio"] = ["VmBus.Memory", "VmBus.Lanes", "VmBus.Storage", "VmBus.Network", "VmBus.Sockets"],
        ["VmBus.Client"] = ["VmBus.Memory"],
        ["VmBus.Conformance"] = ["VmBus.Client"],
        ["VmBus.Host"] = ["VmBus.Machine", "VmBus.Bus", "VmBus.Providers", "VmBus.Storage", "VmBus.Network", "VmBus.Sockets", "VmBus.Virtio"],
    };

    // What runs inside a guest may know the guest's side and what is under it, and nothing of the host's.
    private static readonly string[] AllowedInGuests = ["VmBus.Conformance", "VmBus.Client", "VmBus.Memory", "VmBus.Protocol", "VmBus.Native"];

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Path.Combine(SourceTree.Root, "src")).Select(d => Path.GetFileName(d)!)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_references_only_what_the_architecture_allows(string project)
    {
        Assert.True(Allowed.TryGetValue(project, out string[]? allowed), $"src/{project} is not in the table of src/ARCHITECTURE.md");
        Assert.Empty(References(Path.Combine("src", project, $"{project}.csproj")).Except(allowed!));
    }

    [Fact]
    public void Guest_tools_reference_only_the_guests_side()
    {
        string[] tools = [.. Directory.GetDirectories(Path.Combine(SourceTree.Root, "guest-tools"), "VmBus.*").Select(static folder => Path.GetFileName(folder)!)];
        foreach (string tool in tools)
            Assert.Empty(References(Path.Combine("guest-tools", tool, $"{tool}.csproj")).Except(AllowedInGuests).Except(tools));
    }

    private static IEnumerable<string> References(string project)
        => Reference().Matches(File.ReadAllText(Path.Combine(SourceTree.Root, project))).Select(static m => m.Groups[1].Value);

    [GeneratedRegex("ProjectReference Include=\"[^\"]*/([A-Za-z.]+)\\.csproj\"")]
    private static partial Regex Reference();
}
