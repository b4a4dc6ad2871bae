namespace VmBus.Conformance.Inside;

/// <summary>The events of the guest's VMBus driver while this exists, in a trace of its own. Source: Linux Documentation/trace/events.rst.</summary>
internal sealed class KernelTrace : IDisposable
{
    private readonly string _folder;

    private KernelTrace(string folder) => _folder = folder;

    /// <summary>Begins to record; null where the kernel has no such events or does not let us.</summary>
    /// <param name="root">The folder that is <c>/</c>.</param>
    public static KernelTrace? TryStart(string root)
    {
        string tracing = Path.Combine(root, "sys/kernel/tracing");
        if (!Directory.Exists(Path.Combine(tracing, "events/hyperv"))) return null;
        string folder = Path.Combine(tracing, "instances", $"vmbus-conformance-{Environment.ProcessId}");
        try
        {
            // The kernel fills the folder.
            Directory.CreateDirectory(folder);
            var trace = new KernelTrace(folder);
            File.WriteAllText(Path.Combine(folder, "events/hyperv/enable"), "1");
            return trace;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What happened since the start, oldest first.</summary>
    public IReadOnlyList<KernelEvent> Read() => [.. File.ReadLines(Path.Combine(_folder, "trace")).Select(KernelEvent.Parse).OfType<KernelEvent>()];

    /// <summary>What concerns one channel: other drivers of the guest may open theirs meanwhile, and not every event names its channel.</summary>
    public static IReadOnlyList<KernelEvent> OfChannel(IReadOnlyList<KernelEvent> events, uint channelId)
    {
        HashSet<long> gpadls = [.. events.Where(happened => happened["child_relid"] == channelId).Select(static happened => happened["gpadl"]).OfType<long>()];
        return [.. events.Where(happened => happened["child_relid"] is { } relId ? relId == channelId : happened["gpadl"] is not { } gpadl || gpadls.Contains(gpadl))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            // One rmdir takes the kernel's files with it, which cannot be deleted one by one.
            Directory.Delete(_folder);
        }
        catch (IOException)
        {
            // It is the kernel's memory, and goes with the guest's next start.
        }
    }
}
