using Microsoft.Extensions.Logging;
using VmBus.Bus.Channels;
using VmBus.Protocol.Channel;

namespace VmBus.Bus;

/// <summary>Every log message of the bus. Event ids 4000 to 4999.</summary>
internal static partial class BusLog
{
    [LoggerMessage(EventId = 4000, Level = LogLevel.Information, Message = "The guest connected with VMBus {Version}.")]
    internal static partial void Connected(ILogger logger, ProtocolVersion version);

    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "The guest's VMBus connection has ended.")]
    internal static partial void Disconnected(ILogger logger);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Debug,
        Message = "Channel {ChannelId} ({InterfaceInstance}, sub-channel {SubchannelIndex}) is open on lane {Lane}.")]
    internal static partial void ChannelOpened(ILogger logger, uint channelId, Guid interfaceInstance, int subchannelIndex, string lane);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Debug, Message = "Channel {ChannelId} is closed.")]
    internal static partial void ChannelClosed(ILogger logger, uint channelId);

    [LoggerMessage(EventId = 4100, Level = LogLevel.Warning,
        Message = "A message of the guest was refused: {Reason} (message {MessageNumber}, channel {ChannelId}; {Suppressed} earlier ones not shown).")]
    internal static partial void MessageRefused(ILogger logger, Refusal reason, uint messageNumber, uint channelId, long suppressed);

    [LoggerMessage(EventId = 4101, Level = LogLevel.Warning,
        Message = "Channel {ChannelId} is rescinded because the guest broke its rules: {Reason} ({Suppressed} earlier ones not shown).")]
    internal static partial void ChannelFailed(ILogger logger, uint channelId, string reason, long suppressed);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Warning,
        Message = "Channel {ChannelId} could not be opened: {Reason} ({Suppressed} earlier ones not shown).")]
    internal static partial void OpenFailed(ILogger logger, uint channelId, string reason, long suppressed);
}
