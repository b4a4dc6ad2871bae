using Microsoft.Extensions.Logging;
using VmBus.Bus.Devices;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Network;

namespace VmBus.Providers.Network;

/// <summary>A synthetic network adapter (network VSP): one offer on the bus, with a link behind it.</summary>
/// <remarks>
/// <see cref="Open(OpenChannel)"/> is called on lanes, the other members from any thread. The link belongs to the caller and serves this
/// adapter alone. Source: protocol-spec/network.md.
/// </remarks>
public sealed class NetworkProvider : IChannelDevice
{
    private readonly Lock _gate = new();
    private readonly ILink _link;
    private readonly NetworkOptions _options;
    private readonly NetworkLog _log;
    private readonly List<NetworkEndpoint> _openChannels = [];
    private NetworkSession? _session;
    private NetworkCounters _closedChannels;
    private MacAddress _address;

    /// <summary>Makes an adapter.</summary>
    /// <param name="link">Where its frames go.</param>
    /// <param name="instance">Names the adapter: unique on the bus and stable over reboots. Guests name the interface by it.</param>
    /// <param name="options">Its address and limits.</param>
    /// <param name="logger">Where it reports.</param>
    public NetworkProvider(ILink link, Guid instance, NetworkOptions options, ILogger logger)
    {
        _link = link;
        _options = options;
        _address = options.Address;
        _log = new NetworkLog(logger, instance);
        Offer = new ChannelOffer(NetworkInterface.Synthetic, instance);
        _link.Changed += LinkChanged;
    }

    /// <inheritdoc/>
    public ChannelOffer Offer { get; }

    /// <summary>What the adapter has done since it was made, over all its channels.</summary>
    public NetworkCounters Counters
    {
        get
        {
            lock (_gate)
            {
                NetworkCounters sum = _closedChannels;
                foreach (NetworkEndpoint channel in _openChannels) sum += channel.ReadCounters(true);
                return sum;
            }
        }
    }

    /// <summary>The open channels, in order of their numbers, with what each has done since it was opened.</summary>
    public IReadOnlyList<NetworkQueueInfo> Queues
    {
        get
        {
            lock (_gate) return [.. _openChannels.OrderBy(static channel => channel.Index).Select(static channel => channel.Describe())];
        }
    }

    /// <summary>Whether the guest is to see a link.</summary>
    internal bool IsUp => _link.IsUp;

    /// <summary>The address in use: guests may set another than the adapter's own.</summary>
    internal MacAddress CurrentAddress
    {
        get
        {
            lock (_gate) return _address;
        }

        set
        {
            lock (_gate) _address = value;
        }
    }

    /// <summary>The machine has been reset: what a guest has set is forgotten. No channel is open.</summary>
    public void Reset() => CurrentAddress = _options.Address;

    /// <summary>
    /// Takes the open channels a step towards their end, for good: nothing more is received, the guest finds its rings full, and what it has sent is completed.
    /// To be repeated while it is false.
    /// </summary>
    /// <returns>Whether neither side waits for the other: channels that are taken away now leave nothing behind.</returns>
    public async Task<bool> QuiesceAsync()
    {
        NetworkEndpoint[] channels;
        lock (_gate) channels = [.. _openChannels];
        bool isQuiet = true;
        foreach (NetworkEndpoint channel in channels)
        {
            var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            channel.Post(() => answer.SetResult(channel.Quiesce()));
            isQuiet &= await answer.Task.ConfigureAwait(false);
        }

        return isQuiet;
    }

    /// <summary>Hears no more of the link. The bus must have let go of the adapter.</summary>
    public void Detach() => _link.Changed -= LinkChanged;

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel) => Open(new NetworkChannel(channel, _link));

    /// <summary>Opens a channel of whatever kind.</summary>
    /// <returns>Null for a sub-channel without a primary, or one that was not promised.</returns>
    internal NetworkEndpoint? Open(INetworkChannel channel)
    {
        NetworkSession session;
        NetworkEndpoint endpoint;
        bool complete;
        lock (_gate)
        {
            if (channel.Index == 0) _session = new NetworkSession(this, _options, _link);
            else if (_session is null || channel.Index > _session.Subchannels) return null;
            session = _session;
            endpoint = new NetworkEndpoint(session, channel, _log);
            session.Add(endpoint);
            _openChannels.Add(endpoint);
            complete = channel.Index != 0 && session.Channels().Length == session.Subchannels + 1;
        }

        // The bus does not take packets of the channel before it has the endpoint, so that this comes first.
        if (channel.Index != 0) channel.Post(endpoint.StartQueue);
        if (complete && session.Channels().FirstOrDefault(static other => other.IsPrimary) is { } primary) primary.Post(primary.SubchannelsOpened);
        return endpoint;
    }

    /// <summary>A channel has closed.</summary>
    internal void ChannelClosed(NetworkSession session, NetworkEndpoint channel)
    {
        lock (_gate)
        {
            _openChannels.Remove(channel);
            _closedChannels += channel.ReadCounters(false);
            if (channel.IsPrimary && _session == session) _session = null;
        }
    }

    private void LinkChanged()
    {
        NetworkEndpoint? primary;
        lock (_gate) primary = _session?.Channels().FirstOrDefault(static channel => channel.IsPrimary);
        primary?.Post(primary.LinkChanged);
    }
}
