using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>What integration services report. All of it can be caused by the guest, so each kind is limited in rate. Any thread.</summary>
internal sealed partial class IntegrationLog(ILogger logger, string service)
{
    private readonly LogBudget _versions = new(TimeProvider.System);
    private readonly LogBudget _strays = new(TimeProvider.System);
    private readonly LogBudget _beats = new(TimeProvider.System);
    private readonly LogBudget _frozen = new(TimeProvider.System);

    public void Agreed(uint channel, IntegrationVersion framework, IntegrationVersion version)
    {
        if (_versions.TrySpend(out long suppressed)) Agreed(logger, service, channel, framework, version, suppressed);
    }

    public void Incompatible(uint channel)
    {
        if (_versions.TrySpend(out long suppressed)) Incompatible(logger, service, channel, suppressed);
    }

    public void Stray(uint channel, string what)
    {
        if (_strays.TrySpend(out long suppressed)) Stray(logger, service, channel, what, suppressed);
    }

    public void HeartbeatLost(double seconds)
    {
        if (_beats.TrySpend(out long suppressed)) HeartbeatLost(logger, service, seconds, suppressed);
    }

    public void HeartbeatBack()
    {
        if (_beats.TrySpend(out long suppressed)) HeartbeatBack(logger, service, suppressed);
    }

    public void ThawFailed(string why)
    {
        if (_frozen.TrySpend(out long suppressed)) ThawFailed(logger, service, why, suppressed);
    }

    public void ThawedAfterLimit(double seconds) => ThawedAfterLimit(logger, service, seconds);

    public void ThawedAtLast()
    {
        if (_frozen.TrySpend(out long suppressed)) ThawedAtLast(logger, service, suppressed);
    }

    [LoggerMessage(EventId = 5300, Level = LogLevel.Information,
        Message = "{Service}: channel {ChannelId} speaks framework {Framework}, messages {Version} (suppressed {Suppressed})")]
    private static partial void Agreed(
        ILogger logger, string service, uint channelId, IntegrationVersion framework, IntegrationVersion version, long suppressed);

    [LoggerMessage(EventId = 5301, Level = LogLevel.Warning,
        Message = "{Service}: the guest on channel {ChannelId} speaks no version that the host does (suppressed {Suppressed})")]
    private static partial void Incompatible(ILogger logger, string service, uint channelId, long suppressed);

    [LoggerMessage(EventId = 5302, Level = LogLevel.Warning,
        Message = "{Service}: a packet of the guest on channel {ChannelId} is dropped: {What} (suppressed {Suppressed})")]
    private static partial void Stray(ILogger logger, string service, uint channelId, string what, long suppressed);

    [LoggerMessage(EventId = 5303, Level = LogLevel.Warning,
        Message = "{Service}: the guest has not answered for {Seconds} s (suppressed {Suppressed})")]
    private static partial void HeartbeatLost(ILogger logger, string service, double seconds, long suppressed);

    [LoggerMessage(EventId = 5304, Level = LogLevel.Information, Message = "{Service}: the guest answers again (suppressed {Suppressed})")]
    private static partial void HeartbeatBack(ILogger logger, string service, long suppressed);

    [LoggerMessage(EventId = 5305, Level = LogLevel.Warning,
        Message = "{Service}: the guest's file systems may still be frozen, thawing them is tried again: {Why} (suppressed {Suppressed})")]
    private static partial void ThawFailed(ILogger logger, string service, string why, long suppressed);

    [LoggerMessage(EventId = 5306, Level = LogLevel.Warning, Message = "{Service}: nobody has thawed the guest's file systems for {Seconds} s: they are thawed now")]
    private static partial void ThawedAfterLimit(ILogger logger, string service, double seconds);

    [LoggerMessage(EventId = 5307, Level = LogLevel.Information, Message = "{Service}: the guest's file systems are thawed at last (suppressed {Suppressed})")]
    private static partial void ThawedAtLast(ILogger logger, string service, long suppressed);
}
