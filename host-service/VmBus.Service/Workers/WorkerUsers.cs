using System.Globalization;
using VmBus.Native.Linux;

namespace VmBus.Service.Workers;

/// <summary>Users for workers: each has one of its own as long as it runs, so that a guest that takes its worker over has no right to another's.</summary>
/// <remarks>Any thread.</remarks>
internal sealed class WorkerUsers
{
    /// <summary>A range that systemd leaves alone and distributions give nobody. Source: systemd's UIDS-GIDS.</summary>
    public const string Default = "1900000000-1900065535";

    private const string None = "none";
    private const string Setpriv = "/usr/bin/setpriv";
    private const string Map = "/proc/self/uid_map";

    private readonly Lock _lock = new();
    private readonly HashSet<uint> _taken = [];
    private readonly uint _first;
    private readonly uint _last;

    /// <summary>All are free.</summary>
    /// <param name="range">As <c>Service:WorkerUsers</c> says.</param>
    /// <param name="program">The program that they must be able to run.</param>
    /// <exception cref="IOException">The range is none.</exception>
    public WorkerUsers(string range, string program)
    {
        if (range == None)
        {
            Missing = "Service:WorkerUsers is none";
            return;
        }

        string[] ends = range.Split('-');
        if (ends.Length != 2 || !TryParse(ends[0], out _first) || !TryParse(ends[1], out _last) || _first == 0 || _last < _first)
            throw new IOException($"Service:WorkerUsers '{range}': write FIRST-LAST, numbers of users above 0, or none.");
        Missing = FileOwner.CurrentUser != 0 ? "the service is not root's"
            : !File.Exists(Setpriv) ? $"there is no {Setpriv} (package util-linux)"
            : !IsMapped(_first, _last) ? $"this container has no users {range}"
            : !ProgramImage.IsForAll(program) ? $"'{program}' may not be run by every user; allow it (chmod o+rx), and start the service again"
            : null;
    }

    /// <summary>Why there are none; null when there are.</summary>
    public string? Missing { get; }

    /// <summary>Takes one that no worker has.</summary>
    /// <returns>Null when there are none.</returns>
    public uint? Take()
    {
        if (Missing is not null) return null;
        lock (_lock)
        {
            for (uint user = _first; user <= _last; user++)
            {
                if (_taken.Add(user)) return user;
            }
        }

        return null;
    }

    /// <summary>Notes that a worker has one already.</summary>
    public void Keep(uint user)
    {
        lock (_lock) _taken.Add(user);
    }

    /// <summary>Gives one back whose worker has ended.</summary>
    public void Release(uint user)
    {
        lock (_lock) _taken.Remove(user);
    }

    private static bool TryParse(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number != uint.MaxValue;

    // Each line: the first number here, the first outside, and how many.
    private static bool IsMapped(uint first, uint last)
    {
        try
        {
            return File.ReadLines(Map).Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Any(words =>
                ulong.TryParse(words[0], CultureInfo.InvariantCulture, out ulong begin) && ulong.TryParse(words[2], CultureInfo.InvariantCulture, out ulong count) && first >= begin && last < begin + count);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or IndexOutOfRangeException)
        {
            return false;
        }
    }
}
