namespace VmBus.Protocol.HyperV;

/// <summary>Numbers of the synthetic interrupt controller that VMBus uses. Source: protocol-spec/synic.md.</summary>
public static class SyntheticInterrupts
{
    /// <summary>The synthetic interrupt source of VMBus: its message slot, event flags and vector.</summary>
    public const int VmBus = 2;

    /// <summary>Event flags per synthetic interrupt source and virtual processor.</summary>
    public const int EventFlagCount = 2048;

    /// <summary>Most bytes that one message carries.</summary>
    public const int MaximumMessageBytes = 240;

    /// <summary>The message type of channel messages in POST_MESSAGE and in a message slot.</summary>
    public const uint ChannelMessageType = 1;

    /// <summary>A virtual processor number that means: no interrupts.</summary>
    public const uint NoProcessor = 0xFFFF_FFFF;
}
