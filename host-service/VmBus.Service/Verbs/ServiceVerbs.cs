using VmBus.Control.Verbs;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Service.Partitions;
using VmBus.Service.Workers;

namespace VmBus.Service.Verbs;

/// <summary>The verbs of the service.</summary>
/// <param name="registry">What they are for.</param>
internal sealed class ServiceVerbs(PartitionRegistry registry) : IVerbGroup
{
    private static readonly TimeSpan LongestLimit = TimeSpan.FromDays(1);

    /// <inheritdoc/>
    public void AddTo(VerbTable table)
    {
        table.Add(ServiceVerb.List, (_, _) => Task.FromResult(new PartitionStatusList([.. registry.All.Select(static one => one.Describe())], registry.Problems)));
        table.Add(ServiceVerb.Show, (request, _) => Task.FromResult(registry.Get(request.Name).Describe()));
        table.Add(ServiceVerb.Definition, (request, _) => Task.FromResult(new DefinitionReply(registry.Get(request.Name).Definition.Text)));
        table.Add(ServiceVerb.Define, (request, _) => Task.FromResult(registry.Define(request.Name, request.Definition, request.Replace).Describe()));
        table.Add(ServiceVerb.Undefine, (request, _) => Task.FromResult(Undefine(request)));
        table.Add(ServiceVerb.Start, StartAsync);
        table.Add(ServiceVerb.Stop, StopAsync);
        table.Add(ServiceVerb.Kill, async (request, cancellation) => Reply(await registry.Get(request.Name).KillAsync(cancellation).ConfigureAwait(false)));
        table.Add(ServiceVerb.Give, (request, _) => Task.FromResult(Give(request)));
        table.Add(ServiceVerb.Autostart, (request, _) => Task.FromResult(registry.SetAutostart(request.Name, request.Enabled).Describe()));
        table.Add(ServiceVerb.Reload, (_, _) => Task.FromResult(Reload()));
    }

    private static EndReply Reply(WorkerEnd? end) => new(end?.Reason, end?.Detail);

    private async Task<PartitionStatus> StartAsync(NameRequest request, CancellationToken cancellation)
    {
        ManagedPartition partition = registry.Get(request.Name);
        await partition.StartAsync(cancellation).ConfigureAwait(false);
        return partition.Describe();
    }

    private async Task<EndReply> StopAsync(StopRequest request, CancellationToken cancellation)
    {
        if (request.LimitMs is { } wanted && (wanted < 0 || wanted > LongestLimit.TotalMilliseconds))
            throw new ControlException(ControlErrorCode.BadParameters, $"A limit of {wanted} ms cannot be: give 0 to {LongestLimit.TotalMilliseconds}.");
        TimeSpan? limit = request.LimitMs is { } limitMs ? TimeSpan.FromMilliseconds(limitMs) : null;
        return Reply(await registry.Get(request.Name).StopAsync(limit, request.Wait, cancellation).ConfigureAwait(false));
    }

    private NoValue Give(GiveRequest request)
    {
        registry.Get(request.Name).Give(request.Device, request.Options);
        return NoValue.Instance;
    }

    private NoValue Undefine(NameRequest request)
    {
        registry.Undefine(request.Name);
        return NoValue.Instance;
    }

    private ReloadReply Reload()
    {
        IReadOnlyList<string> problems = registry.Load();
        return new ReloadReply(registry.All.Count, problems);
    }
}
