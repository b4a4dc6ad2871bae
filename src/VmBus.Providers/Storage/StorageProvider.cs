using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using VmBus.Bus.Devices;
using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;

namespace VmBus.Providers.Storage;

/// <summary>
/// A synthetic SCSI controller (storage VSP): one offer on the bus, with every logical unit of a <see cref="ScsiTarget"/> behind it.
/// </summary>
/// <remarks>
/// <see cref="Open(OpenChannel)"/> is called on lanes, the other members from any thread. The target belongs to the caller and may serve several
/// controllers; it is listened to while a guest has the controller open. Source: protocol-spec/storage.md.
/// </remarks>
public sealed class StorageProvider : IChannelDevice
{
    private readonly Lock _gate = new();
    private readonly ScsiTarget _target;
    private readonly StorageOptions _options;
    private readonly StorageLog _log;
    private readonly ulong _initiator;
    private StorageSession? _session;
    private StorageCounters _closedChannels;
    private readonly List<StorageEndpoint> _openChannels = [];

    /// <summary>Makes a controller.</summary>
    /// <param name="target">The logical units.</param>
    /// <param name="instance">Names the controller: unique on the bus and stable over reboots. Guests derive device paths from it.</param>
    /// <param name="options">Its limits.</param>
    /// <param name="logger">Where it reports.</param>
    public StorageProvider(ScsiTarget target, Guid instance, StorageOptions options, ILogger logger)
    {
        _target = target;
        _options = options;
        _log = new StorageLog(logger, instance);
        Offer = new ChannelOffer(StorageInterface.Scsi, instance);
        // Reservations on a target that several controllers share are held by controller.
        Span<byte> bytes = stackalloc byte[16];
        instance.TryWriteBytes(bytes);
        _initiator = BinaryPrimitives.ReadUInt64LittleEndian(bytes) ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
    }

    /// <inheritdoc/>
    public ChannelOffer Offer { get; }

    /// <summary>What the controller has done since it was made.</summary>
    public StorageCounters Counters
    {
        get
        {
            lock (_gate)
            {
                StorageCounters sum = _closedChannels;
                foreach (StorageEndpoint channel in _openChannels) sum += channel.ReadCounters(true);
                return sum;
            }
        }
    }

    /// <inheritdoc/>
    public IChannelEndpoint? Open(OpenChannel channel)
    {
        bool primary = channel.SubchannelIndex == 0;
        ScsiTargetQueue commands = _target.OpenQueue(channel.Lane);
        StorageEndpoint? endpoint = Open(new StorageChannel(channel, _target, commands), primary);
        if (endpoint is null) commands.Dispose();
        return endpoint;
    }

    /// <summary>Opens a channel of whatever kind.</summary>
    /// <returns>Null for a sub-channel without a primary.</returns>
    internal StorageEndpoint? Open(IStorageChannel channel, bool primary)
    {
        lock (_gate)
        {
            if (primary)
            {
                _session = new StorageSession(_options, this);
                _target.Changed += _session.TargetChanged;
            }
            else if (_session is null)
            {
                return null;
            }

            var endpoint = new StorageEndpoint(_session, channel, primary, _initiator, _options, _log);
            _session.Add(endpoint);
            _openChannels.Add(endpoint);
            return endpoint;
        }
    }

    /// <summary>A channel has closed.</summary>
    internal void ChannelClosed(StorageSession session, StorageEndpoint channel)
    {
        lock (_gate)
        {
            _openChannels.Remove(channel);
            _closedChannels += channel.ReadCounters(false);
            if (!channel.IsPrimary) return;
            _target.Changed -= session.TargetChanged;
            if (_session == session) _session = null;
        }
    }
}
