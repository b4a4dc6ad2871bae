using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Control.Server;
using VmBus.Control.Verbs;
using VmBus.Fuzz.Engine;
using VmBus.Management.Verbs;
using VmBus.Service.Hosting;
using VmBus.Service.Partitions;
using VmBus.Service.Verbs;
using VmBus.Service.Workers;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>The verbs of the service, which keeps what is defined in a folder. None of them leads out of it.</summary>
internal sealed class ServiceTarget : RequestTarget
{
    private const int MostPartitions = 6;

    // A definition is written through to the disk.
    private readonly DirectoryInfo _folder = ScratchFolder.Create();
    private readonly WorkerWatch _watch = new();
    private readonly PartitionRegistry _registry;

    public ServiceTarget()
    {
        var options = new ServiceOptions
        {
            Definitions = Path.Combine(_folder.FullName, "partitions"),
            State = Path.Combine(_folder.FullName, "state"),
            Program = Path.Combine(_folder.FullName, "none"),
            Systemd = false,
            WorkerUsers = "none",
        };
        Directory.CreateDirectory(options.Definitions);
        Directory.CreateDirectory(options.State);
        _registry = new PartitionRegistry(options, new WorkerLauncher(options, _watch), new EventHub("fuzz", 16), NullLogger<PartitionRegistry>.Instance);
        Table = new VerbTable(new ServiceVerbs(_registry));
    }

    public override string Name => "service";

    public override string What => "requests to the service";

    protected override VerbTable Table { get; }

    protected override IReadOnlyList<string> Excepted { get; } = [ServiceVerb.Start.Name, ServiceVerb.Give.Name];

    protected override string[] Texts { get; } =
    [
        "web", "db", "a.b-c_d", "../web", "", ".hidden", "web/../../x", "{}", "{\"kernel\":\"/k\"}", "{\"kernel\":\"/k\",\"autostart\":true,\"restart\":\"always\"}", "{\"disks\":[{\"path\":\"/d\",\"sector\":512.0}]}",
        "{\"kernel\":\"\\ud800\"}", "{\"\\ud800\":1}", "{\"kernel\":\"/k\",\"nics\":[{\"user\":true},{\"tap\":\"t\",\"queues\":3}]}", "{\"kernel\":\"/k\",\"cpus\":1e0}", "[", "null", "disk", "nic", "/d,readonly", "\ud800", "w\n",
    ];

    protected override void Forget()
    {
        if (_registry.All.Count > MostPartitions)
        {
            foreach (ManagedPartition partition in _registry.All) _registry.Undefine(partition.Definition.Name);
        }

        Must(_registry.Problems.Count == 0, "A definition was written that cannot be read.");
    }

    public override void Dispose()
    {
        _registry.Dispose();
        _watch.Dispose();
        _folder.Delete(recursive: true);
    }
}
