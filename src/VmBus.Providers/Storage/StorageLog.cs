using Microsoft.Extensions.Logging;
using VmBus.Bus;
using VmBus.Protocol.Storage;

namespace VmBus.Providers.Storage;

/// <summary>What storage controllers report. All of it can be caused by the guest, so each kind is limited in rate. Any thread.</summary>
internal sealed partial class StorageLog(ILogger logger, Guid instance)
{
    private readonly LogBudget _negotiated = new(TimeProvider.System);
    private readonly LogBudget _refused = new(TimeProvider.System);
    private readonly LogBudget _resets = new(TimeProvider.System);

    public void Negotiated(uint channel, VstorVersion version)
    {
        if (_negotiated.TrySpend(out long suppressed)) Negotiated(logger, instance, channel, (ushort)version, suppressed);
    }

    public void RequestRefused(uint channel, StorageStatus status)
    {
        if (_refused.TrySpend(out long suppressed)) RequestRefused(logger, instance, channel, (uint)status, suppressed);
    }

    public void ResetStarted(uint channel, int inFlight)
    {
        if (_resets.TrySpend(out long suppressed)) ResetStarted(logger, instance, channel, inFlight, suppressed);
    }

    [LoggerMessage(EventId = 5100, Level = LogLevel.Information,
        Message = "Storage controller {Instance}: channel {ChannelId} speaks version {Version:x4} (suppressed {Suppressed})")]
    private static partial void Negotiated(ILogger logger, Guid instance, uint channelId, ushort version, long suppressed);

    [LoggerMessage(EventId = 5101, Level = LogLevel.Warning,
        Message = "Storage controller {Instance}: request on channel {ChannelId} refused with status {Status:x8} (suppressed {Suppressed})")]
    private static partial void RequestRefused(ILogger logger, Guid instance, uint channelId, uint status, long suppressed);

    [LoggerMessage(EventId = 5102, Level = LogLevel.Information,
        Message = "Storage controller {Instance}: reset by channel {ChannelId}, {InFlight} commands there (suppressed {Suppressed})")]
    private static partial void ResetStarted(ILogger logger, Guid instance, uint channelId, int inFlight, long suppressed);
}
