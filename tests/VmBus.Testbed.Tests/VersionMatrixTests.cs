using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>Every version of VMBus with both kernels, with and without a second processor: what the table of the spec says is what guests do.</summary>
[Collection(LinkedTestbedCollection.Name)]
public sealed class VersionMatrixTests(LinkedGuestFixture host)
{
    private static readonly TimeSpan Limit = TimeSpan.FromHours(2);

    [FullTheory]
    [InlineData("6.1", 1)]
    [InlineData("6.1", 2)]
    [InlineData("6.12", 1)]
    [InlineData("6.12", 2)]
    public async Task Guest_uses_disk_and_adapter_with_each_version_that_the_host_is_capped_to(string kernel, int processors)
        => Assert.Equal(Column(kernel, processors, "the host"), await RunAsync($"{kernel} {processors}"));

    [FullTheory]
    [InlineData("6.12", 2)]
    public async Task Guest_uses_disk_and_adapter_with_the_version_that_its_own_driver_is_capped_to(string kernel, int processors)
        => Assert.Equal(Column(kernel, processors, "the guest, hv_vmbus.max_version"), await RunAsync($"{kernel} {processors} guest"));

    private async Task<string[]> RunAsync(string arguments)
        => (await host.RunGuestAsync($"tests/testbed/version-matrix {arguments}", Limit)).EnsureSuccess().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string[] Column(string kernel, int processors, string cappedBy)
    {
        SpecTable table = SpecPage.Load("README.md").Table("versions");
        string column = $"{kernel}, {processors} {(processors == 1 ? "processor" : "processors")}";
        return [.. Enumerable.Range(0, table.RowCount)
            .Where(row => table.Cell(row, "capped by") == cappedBy)
            .Select(row => $"{table.Cell(row, "VMBus")} {table.Cell(row, column).Replace(",", "", StringComparison.Ordinal)}")];
    }
}
