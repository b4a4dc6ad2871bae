using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Protocol.Network;

namespace VmBus.Providers.Network;

/// <summary>What network adapters report. All of it can be caused by the guest, so each kind is limited in rate. Any thread.</summary>
internal sealed partial class NetworkLog(ILogger logger, Guid instance)
{
    private readonly LogBudget _configured = new(TimeProvider.System);
    private readonly LogBudget _refused = new(TimeProvider.System);
    private readonly LogBudget _links = new(TimeProvider.System);

    public void Configured(uint channel, NvspVersion version, int mtu, int sectionBytes, int sectionCount)
    {
        if (_configured.TrySpend(out long suppressed))
            Configured(logger, instance, channel, (uint)version, mtu, sectionBytes, sectionCount, suppressed);
    }

    public void Refused(uint channel, NvspMessageType type, NvspStatus status)
    {
        if (_refused.TrySpend(out long suppressed)) Refused(logger, instance, channel, (uint)type, (uint)status, suppressed);
    }

    public void NoQueue(uint channel, string link)
    {
        if (_links.TrySpend(out long suppressed)) NoQueue(logger, instance, channel, link, suppressed);
    }

    [LoggerMessage(EventId = 5200, Level = LogLevel.Information,
        Message = "Network adapter {Instance}: channel {ChannelId} speaks version {Version:x8}, MTU {Mtu}, {SectionCount} sections of "
            + "{SectionBytes} bytes (suppressed {Suppressed})")]
    private static partial void Configured(
        ILogger logger, Guid instance, uint channelId, uint version, int mtu, int sectionBytes, int sectionCount, long suppressed);

    [LoggerMessage(EventId = 5201, Level = LogLevel.Warning,
        Message = "Network adapter {Instance}: message {MessageNumber} on channel {ChannelId} refused with status {Status} (suppressed {Suppressed})")]
    private static partial void Refused(ILogger logger, Guid instance, uint channelId, uint messageNumber, uint status, long suppressed);

    [LoggerMessage(EventId = 5202, Level = LogLevel.Warning,
        Message = "Network adapter {Instance}: no queue of link {Link} for channel {ChannelId}; its frames are dropped (suppressed {Suppressed})")]
    private static partial void NoQueue(ILogger logger, Guid instance, uint channelId, string link, long suppressed);
}
