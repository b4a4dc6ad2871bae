using Serilog.Core;
using Serilog.Events;

namespace VmBus.Service.Hosting;

/// <summary>Puts a colon between a partition's name and what is said of it.</summary>
internal sealed class PartitionSeparator : ILogEventEnricher
{
    /// <inheritdoc/>
    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        if (logEvent.Properties.ContainsKey("Partition")) logEvent.AddPropertyIfAbsent(propertyFactory.CreateProperty("Separator", ": "));
    }
}
