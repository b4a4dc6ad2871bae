using System.Globalization;
using VmBus.Management.Values;
using VmBus.Service.Workers;
using Xunit;

namespace VmBus.Service.Tests.Service;

/// <summary>What a worker that is no unit of systemd is kept from, as the kernel tells of it.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class ConfinementTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private const int CAP_SETUID = 7;
    private const int CAP_SYS_MODULE = 16;
    private const int CAP_SYS_CHROOT = 18;
    private const int CAP_SYS_PTRACE = 19;
    private const int CAP_SYS_ADMIN = 21;
    private const int CAP_NET_ADMIN = 12;

    private readonly RunningService _service = new();

    public Task InitializeAsync() => _service.StartAsync();

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Roots_worker_has_no_new_privileges_few_capabilities_and_namespaces_of_its_own()
    {
        await RestartWithoutUsersAsync();
        Assert.Equal("no new privileges, fewer capabilities, namespaces of their own (ipc, uts, mount)", new WorkerConfinement().Description);
        await _service.DefineAsync("web");
        PartitionStatus worker = await _service.StartPartitionAsync("web");
        Dictionary<string, string> status = StatusOf(worker);
        Assert.Equal("1", status["NoNewPrivs"]);
        Assert.Equal("0000000000000000", status["CapInh"]);
        Assert.Equal(status["CapBnd"], status["CapPrm"]);
        Assert.True(Has(status["CapBnd"], CAP_NET_ADMIN));
        foreach (int capability in new[] { CAP_SYS_MODULE, CAP_SYS_PTRACE, CAP_SYS_ADMIN }) Assert.False(Has(status["CapBnd"], capability), $"{capability} of {status["CapBnd"]}");
        foreach (string name in new[] { "ipc", "uts", "mnt" }) Assert.NotEqual(NamespaceOf("self", name), NamespaceOf(worker.Process!.Value.ToString(CultureInfo.InvariantCulture), name));
        Assert.Equal(NamespaceOf("self", "net"), NamespaceOf(worker.Process!.Value.ToString(CultureInfo.InvariantCulture), "net"));
    }

    [Fact]
    public async Task Worker_that_may_start_passt_keeps_what_passt_needs_and_no_more()
    {
        await RestartWithoutUsersAsync();
        await _service.DefineAsync("web", "\"nics\":[{\"user\":true}]");
        Dictionary<string, string> status = StatusOf(await _service.StartPartitionAsync("web"));
        Assert.True(Has(status["CapBnd"], CAP_SYS_ADMIN));
        Assert.False(Has(status["CapBnd"], CAP_SYS_MODULE));
        Assert.Equal("1", status["NoNewPrivs"]);
    }

    [Fact]
    public async Task Worker_that_becomes_a_user_of_its_own_begins_with_what_that_takes_and_no_more()
    {
        await _service.DefineAsync("web");
        Dictionary<string, string> status = StatusOf(await _service.StartPartitionAsync("web"));
        foreach (int capability in new[] { CAP_SETUID, CAP_SYS_ADMIN }) Assert.True(Has(status["CapBnd"], capability), $"{capability} of {status["CapBnd"]}");
        foreach (int capability in new[] { CAP_SYS_MODULE, CAP_SYS_PTRACE, CAP_SYS_CHROOT }) Assert.False(Has(status["CapBnd"], capability), $"{capability} of {status["CapBnd"]}");
        Assert.Equal("1", status["NoNewPrivs"]);
    }

    // A worker that stays root.
    private async Task RestartWithoutUsersAsync()
    {
        await _service.StopAsync();
        await _service.StartAsync(("VMBUSD_Service__WorkerUsers", "none"));
    }

    private static bool Has(string mask, int capability) => (ulong.Parse(mask, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> capability & 1) == 1;

    private static string? NamespaceOf(string process, string name) => new FileInfo($"/proc/{process}/ns/{name}").LinkTarget;

    private static Dictionary<string, string> StatusOf(PartitionStatus worker) => File.ReadLines($"/proc/{worker.Process}/status")
        .Select(static line => line.Split(':', 2)).ToDictionary(static pair => pair[0], static pair => pair[1].Trim(), StringComparer.Ordinal);
}
