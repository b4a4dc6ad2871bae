namespace VmBus.GuestTools;

/// <summary>Exit statuses of <c>vmbus-guest</c>.</summary>
internal static class ExitStatus
{
    /// <summary>The command did what it was asked.</summary>
    public const int Success = 0;

    /// <summary>Something failed; one line on standard error says what, with which value, and what to do.</summary>
    public const int Failure = 1;

    /// <summary>The command line cannot be carried out as written.</summary>
    public const int BadUsage = 2;
}
