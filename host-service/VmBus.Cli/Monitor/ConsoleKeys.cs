namespace VmBus.Cli.Monitor;

/// <summary>What a key on the console means.</summary>
internal enum ConsoleKey
{
    /// <summary>It is a key for whoever has the console: the guest or the monitor.</summary>
    Typed,

    /// <summary>It is a part of an escape, or an escape that means nothing.</summary>
    Swallowed,

    /// <summary>End the partition now.</summary>
    Exit,

    /// <summary>Show the keys.</summary>
    Help,

    /// <summary>Leave a console that is another process's.</summary>
    Detach,

    /// <summary>Switch between the guest's console and the monitor.</summary>
    Switch,
}

/// <summary>Finds the escape key, Ctrl-A, in what is typed, with the meanings QEMU's users know. One thread.</summary>
internal sealed class ConsoleKeys
{
    /// <summary>Shown by Ctrl-A h.</summary>
    public const string Help =
        "\nCtrl-A h        this help\nCtrl-A x        end the partition at once\n"
        + "Ctrl-A c        switch between the guest's console and the monitor\nCtrl-A Ctrl-A   send Ctrl-A\n";

    /// <summary>Shown by Ctrl-A h where the console is another process's.</summary>
    public const string AttachedHelp = "\nCtrl-A h        this help\nCtrl-A d        leave the console; the guest goes on\nCtrl-A Ctrl-A   send Ctrl-A\n";

    private const byte Escape = 1;

    private bool _escaped;

    /// <summary>Takes the next key.</summary>
    public ConsoleKey Next(byte key)
    {
        if (!_escaped)
        {
            _escaped = key == Escape;
            return _escaped ? ConsoleKey.Swallowed : ConsoleKey.Typed;
        }

        _escaped = false;
        return key switch
        {
            (byte)'x' or (byte)'X' => ConsoleKey.Exit,
            (byte)'h' or (byte)'?' => ConsoleKey.Help,
            (byte)'d' or (byte)'D' => ConsoleKey.Detach,
            (byte)'c' or (byte)'C' => ConsoleKey.Switch,
            Escape => ConsoleKey.Typed,
            _ => ConsoleKey.Swallowed,
        };
    }
}
