using VmBus.Memory.Guest;

namespace VmBus.Bus.Ports;

/// <summary>The ports that join the bus to a machine, and the guest's RAM.</summary>
public sealed record BusPorts(IMessagePort Messages, IEventPort Events, IInterruptPort Interrupts, GuestMemory Memory)
{
    /// <summary>Who serves the guest's socket connects; null when nobody does, and every connect is refused.</summary>
    public IConnectPort? Connects { get; init; }

    /// <summary>Who hears of channels that open and close; null for nobody.</summary>
    public IChannelObserver? Observer { get; init; }
}
