namespace VmBus.Cli;

/// <summary>Exit statuses of the <c>vmbus</c> command.</summary>
internal static class ExitStatus
{
    /// <summary>The guest powered off, or the command did what it was asked.</summary>
    public const int Success = 0;

    /// <summary>Something here failed; one line on standard error says what, with which value, and what to do.</summary>
    public const int Failure = 1;

    /// <summary>The command line cannot be carried out as written.</summary>
    public const int BadUsage = 2;

    /// <summary>The guest crashed, or reset while <c>--no-reboot</c> was given.</summary>
    public const int GuestCrashed = 3;

    /// <summary>Ended by a signal or by the console's exit key before the guest powered off.</summary>
    public const int Interrupted = 130;
}
