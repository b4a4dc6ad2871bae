namespace VmBus.Bus.Gpadls;

/// <summary>How much one guest may describe, so that it cannot make the host run out of memory.</summary>
internal static class GpadlLimits
{
    /// <summary>GPADLs of one connection: every channel with a ring and some buffers.</summary>
    public const int MaximumCount = 8192;

    /// <summary>GPADLs of one channel: network channels use three.</summary>
    public const int MaximumPerChannel = 256;

    /// <summary>Pages of one connection: 2 GiB, above the 1.25 GiB at which Hyper-V stops. A page costs the host at most 40 bytes.</summary>
    public const int MaximumPages = 512 * 1024;

    /// <summary>GPADLs of one channel that its device uses or has asked for: network channels use two.</summary>
    public const int MaximumHeld = 16;

    /// <summary>GPADLs whose bodies are still coming: each holds up to 64 KiB, and a guest describes a few at a time.</summary>
    public const int MaximumIncomplete = 64;
}
