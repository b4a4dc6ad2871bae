using System.Text;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Daemon;

/// <summary>The daemon's messages: lines on standard error, which the journal takes. Any thread may write.</summary>
/// <remarks>
/// Not a logging library: the one thing that counts here is <see cref="Hold"/>. The journal is a file, and whoever waits for a write to a frozen file
/// system cannot thaw it.
/// </remarks>
internal sealed class DaemonLog
{
    // More than freezing and thawing say; what is beyond is counted.
    private const int MaximumHeld = 200;
    private const int StandardError = 2;

    private readonly Lock _gate = new();
    private readonly List<string> _heldLines = [];
    private readonly bool _hasLevels;
    private readonly Action<string> _write;
    private bool _isHeld;
    private int _missed;

    /// <summary>A log on standard error.</summary>
    public DaemonLog()
        : this(static line => _ = DescriptorIo.Write(StandardError, Encoding.UTF8.GetBytes(line + "\n")))
        // sd-daemon(3): the journal takes a level in front of a line; a terminal would show it.
        => _hasLevels = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null;

    /// <summary>A log on a writer of lines.</summary>
    public DaemonLog(Action<string> write) => _write = write;

    /// <summary>Something worth knowing happened.</summary>
    public void Say(string message) => Write(6, message);

    /// <summary>Something is not as it should be, and was dealt with.</summary>
    public void Warn(string message) => Write(4, message);

    /// <summary>What was asked has failed.</summary>
    public void Fail(string message) => Write(3, message);

    /// <summary>Keeps lines in memory from now on. When it returns nothing is being written.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            _heldLines.EnsureCapacity(MaximumHeld);
            _isHeld = true;
        }
    }

    /// <summary>Writes what was kept, and the following at once.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _isHeld = false;
            foreach (string line in _heldLines) _write(line);
            if (_missed > 0) _write($"{_missed} more messages had no room while file systems were frozen");
            _heldLines.Clear();
            _missed = 0;
        }
    }

    private void Write(int level, string message)
    {
        string line = _hasLevels ? $"<{level}>{message}" : $"vmbus-guest: {message}";
        lock (_gate)
        {
            if (!_isHeld) _write(line);
            else if (_heldLines.Count < MaximumHeld) _heldLines.Add(line);
            else _missed++;
        }
    }
}
