using Microsoft.Extensions.Logging;
using VmBus.Bus;

namespace VmBus.Providers.Sockets;

/// <summary>What sockets report. Guests and programs cause it, so each kind is limited in rate. Any thread.</summary>
internal sealed partial class SocketLog(ILogger logger)
{
    private readonly LogBudget _connected = new(TimeProvider.System);
    private readonly LogBudget _refused = new(TimeProvider.System);
    private readonly LogBudget _unopened = new(TimeProvider.System);

    public void Connected(Guid service, Guid endpoint, bool fromHost)
    {
        if (_connected.TrySpend(out long suppressed)) Connected(logger, fromHost ? "the host" : "the guest", service, endpoint, suppressed);
    }

    public void Refused(Guid service, string reason)
    {
        if (_refused.TrySpend(out long suppressed)) Refused(logger, service, reason, suppressed);
    }

    public void Unopened(Guid service)
    {
        if (_unopened.TrySpend(out long suppressed)) Unopened(logger, service, suppressed);
    }

    [LoggerMessage(EventId = 5400, Level = LogLevel.Debug, Message = "Sockets: {From} connects to {Service}, as {Endpoint} (suppressed {Suppressed})")]
    private static partial void Connected(ILogger logger, string from, Guid service, Guid endpoint, long suppressed);

    [LoggerMessage(EventId = 5401, Level = LogLevel.Information, Message = "Sockets: no connection to {Service}: {Reason} (suppressed {Suppressed})")]
    private static partial void Refused(ILogger logger, Guid service, string reason, long suppressed);

    [LoggerMessage(EventId = 5402, Level = LogLevel.Information,
        Message = "Sockets: the guest did not open the connection to {Service}: nobody listens there, or whoever asked has gone (suppressed {Suppressed})")]
    private static partial void Unopened(ILogger logger, Guid service, long suppressed);
}
