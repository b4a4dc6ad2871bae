using VmBus.Fuzz.Engine;
using VmBus.Fuzz.Targets;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Fuzz.Tests;

/// <summary>A short fixed slice of every target: its kept corpus, and the same new inputs each time.</summary>
public sealed class FuzzSliceTests
{
    // Each input of these costs system calls, other threads, or exceptions.
    private static readonly string[] Slow =
        ["bus", "sockets", "vhost-user", "image", "ring-race", "ic-file-copy", "ic-kvp", "virtio-vsock", "virtio-pci", "verbs", "service", "definition", "given", "trace", "loader", "import-libvirt", "import-hyperv"];

    public static TheoryData<string> Targets => [.. AllTargets.List.Select(static target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Target_takes_its_corpus_and_a_slice_of_new_inputs(string name)
    {
        using IFuzzTarget target = AllTargets.List.Single(target => target.Name == name).Make();
        Assert.Equal(name, target.Name);
        IReadOnlyList<byte[]> kept = Corpus.Load(Path.Combine(Repository.Root, "tests", "VmBus.Fuzz", "corpus"), name);
        FuzzResult result = new FuzzRun(target, kept, seed: 1) { Executions = Slow.Contains(name) ? 300 : 3000, Hang = TimeSpan.Zero }.Run();
        Assert.Empty(result.Findings.Select(static finding => $"{Convert.ToHexStringLower(finding.Input)}: {finding.Problem}"));
        Assert.True(result.Executions >= 300);
    }
}
