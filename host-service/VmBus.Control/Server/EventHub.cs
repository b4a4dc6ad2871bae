using System.Globalization;
using System.Threading.Channels;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Control.Server;

/// <summary>Hands events to those who follow them. Publishing neither blocks nor throws; any thread.</summary>
/// <param name="partition">The partition's name, for the events that are of the hub itself.</param>
/// <param name="maximumWaiting">Events that wait for one follower; later ones are counted and dropped, except the last of all.</param>
public sealed class EventHub(string partition, int maximumWaiting)
{
    private readonly Lock _lock = new();
    private readonly List<Follower> _followers = [];
    private bool _completed;

    /// <summary>How many follow.</summary>
    public int FollowerCount
    {
        get
        {
            lock (_lock) return _followers.Count;
        }
    }

    /// <summary>An event has happened.</summary>
    public void Publish(string name, ControlEvent fields)
    {
        lock (_lock)
        {
            foreach (Follower follower in _followers) Add(follower, name, fields);
        }
    }

    /// <summary>Nothing happens any more: followers read what is left, and end.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            _completed = true;
            foreach (Follower follower in _followers) follower.Events.Writer.TryComplete();
        }
    }

    /// <summary>Follows from now on.</summary>
    internal Follower Follow()
    {
        var follower = new Follower();
        lock (_lock)
        {
            _followers.Add(follower);
            if (_completed) follower.Events.Writer.TryComplete();
        }

        return follower;
    }

    /// <summary>Follows no longer.</summary>
    internal void Leave(Follower follower)
    {
        lock (_lock) _followers.Remove(follower);
        follower.Events.Writer.TryComplete();
    }

    private void Add(Follower follower, string name, ControlEvent fields)
    {
        bool isLast = name == PartitionEventName.Ended;
        int room = isLast ? int.MaxValue : maximumWaiting - follower.Events.Reader.Count;
        // The gap is told where it is: before the first event after it.
        if (follower.Lost > 0 && room > 1)
        {
            string detail = string.Create(CultureInfo.InvariantCulture, $"{follower.Lost} events before this one are lost: the client did not read them");
            var gap = new ControlEvent(fields.TimeMs, partition, null, detail, null, null, null);
            if (follower.Events.Writer.TryWrite((PartitionEventName.Lost, gap))) follower.Lost = 0;
        }

        if (follower.Lost > 0 || room < 1) follower.Lost++;
        else follower.Events.Writer.TryWrite((name, fields));
    }

    /// <summary>One who follows.</summary>
    internal sealed class Follower
    {
        /// <summary>The events that wait.</summary>
        public Channel<(string Name, ControlEvent Fields)> Events { get; } = Channel.CreateUnbounded<(string Name, ControlEvent Fields)>();

        /// <summary>Events dropped since the last that was added; the hub's lock guards it.</summary>
        public long Lost { get; set; }
    }
}
