using VmBus.Cli.Options;
using VmBus.Conformance.Running;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Conformance;

/// <summary>An operator by the control socket of the host under test. Source: protocol-spec/control.md#verbs.</summary>
internal sealed class ControlOperator(PartitionTarget target) : IHostOperator, IAsyncDisposable
{
    // A wish is answered when it has come true, and given up when its connection ends: each has one of its own.
    private readonly List<ControlClient> _wishes = [];

    /// <inheritdoc/>
    public bool CanSetMemory => true;

    /// <inheritdoc/>
    public bool CanDeliver => false;

    /// <inheritdoc/>
    /// <exception cref="IOException">Nobody answers at the socket.</exception>
    public bool TrySetMemory(long bytes)
    {
        ControlClient client = target.ConnectAsync().GetAwaiter().GetResult();
        _wishes.Add(client);
        MemoryReport report = client.CallAsync(PartitionVerb.ShowMemory, NoValue.Instance, CancellationToken.None).GetAwaiter().GetResult();
        if (!report.Ready) return false;
        _ = client.CallAsync(PartitionVerb.SetMemory, new MemoryRequest(bytes), CancellationToken.None)
            .ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return true;
    }

    /// <inheritdoc/>
    public bool TryDeliver(ReadOnlySpan<byte> frame) => false;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (ControlClient client in _wishes) await client.DisposeAsync().ConfigureAwait(false);
    }
}
