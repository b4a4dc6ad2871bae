using Microsoft.Extensions.Logging;
using VmBus.Bus;

namespace VmBus.Providers.DynamicMemory;

/// <summary>What dynamic memory reports. All of it can be caused by the guest, so each kind is limited in rate. Any thread.</summary>
internal sealed partial class DynamicMemoryLog(ILogger logger)
{
    private readonly LogBudget _ready = new(TimeProvider.System);
    private readonly LogBudget _strays = new(TimeProvider.System);
    private readonly LogBudget _sizes = new(TimeProvider.System);

    public void Ready(uint channel, uint version, object capabilities)
    {
        if (_ready.TrySpend(out long suppressed)) Ready(logger, channel, version >> 16, version & ushort.MaxValue, capabilities, suppressed);
    }

    public void Stray(uint channel, string what)
    {
        if (_strays.TrySpend(out long suppressed)) Stray(logger, channel, what, suppressed);
    }

    public void Sized(long bytes)
    {
        if (_sizes.TrySpend(out long suppressed)) Sized(logger, bytes >> 20, suppressed);
    }

    [LoggerMessage(EventId = 5600, Level = LogLevel.Information,
        Message = "Dynamic memory: channel {ChannelId} speaks version {Major}.{Minor} and can {Capabilities} (suppressed {Suppressed})")]
    private static partial void Ready(ILogger logger, uint channelId, uint major, uint minor, object capabilities, long suppressed);

    [LoggerMessage(EventId = 5601, Level = LogLevel.Warning,
        Message = "Dynamic memory: a packet of the guest on channel {ChannelId} is dropped: {What} (suppressed {Suppressed})")]
    private static partial void Stray(ILogger logger, uint channelId, string what, long suppressed);

    [LoggerMessage(EventId = 5602, Level = LogLevel.Information, Message = "Dynamic memory: the guest has {Mebibytes} MiB (suppressed {Suppressed})")]
    private static partial void Sized(ILogger logger, long mebibytes, long suppressed);
}
