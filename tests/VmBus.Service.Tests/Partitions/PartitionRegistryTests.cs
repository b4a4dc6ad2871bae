using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Management.Messages;
using VmBus.Service.Definitions;
using VmBus.Service.Hosting;
using VmBus.Service.Partitions;
using VmBus.Service.Workers;
using Xunit;

namespace VmBus.Service.Tests.Partitions;

public sealed class PartitionRegistryTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmbus-registry-");
    private readonly WorkerWatch _watch = new();
    private readonly PartitionRegistry _registry;

    public PartitionRegistryTests()
    {
        var options = new ServiceOptions { Definitions = _folder.CreateSubdirectory("partitions").FullName, State = _folder.CreateSubdirectory("state").FullName, Systemd = false, WorkerUsers = "none" };
        _registry = new PartitionRegistry(options, new WorkerLauncher(options, _watch), new EventHub("test", 16), NullLogger<PartitionRegistry>.Instance);
    }

    public void Dispose()
    {
        _registry.Dispose();
        _watch.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Definition_that_has_no_room_for_autostart_is_refused_with_what_to_do_and_stays()
    {
        string disks = string.Join(',', Enumerable.Repeat($$"""{"path":"/{{new string('d', 700)}}"}""", 79));
        string text = $$"""{"kernel":"/{{new string('k', DefinitionReader.MaximumCharacters - disks.Length - 30)}}","disks":[{{disks}}]}""";
        _registry.Define("web", text, replace: false);
        ControlException refusal = Assert.Throws<ControlException>(() => _registry.SetAutostart("web", true));
        Assert.Equal(ControlErrorCode.Failed, refusal.Code);
        Assert.Contains("write \"autostart\" into it yourself", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(text, _registry.Get("web").Definition.Text);
    }
}
