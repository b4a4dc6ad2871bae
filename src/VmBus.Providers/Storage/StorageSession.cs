namespace VmBus.Providers.Storage;

/// <summary>What the channels of one controller share from the open of the primary to its close. Any lane.</summary>
internal sealed class StorageSession(StorageOptions options, StorageProvider provider)
{
    private readonly Lock _gate = new();
    private readonly List<StorageEndpoint> _channels = [];
    private int _commandSeen;

    /// <summary>The handshake; requests of it come on the primary only.</summary>
    public StorageHandshake Handshake { get; } = new(options);

    /// <summary>Whether the guest has sent a command since the handshake began: before, it is not able to take notices.</summary>
    public bool CommandSeen => Volatile.Read(ref _commandSeen) != 0;

    /// <summary>Adds an open channel. The first is the primary.</summary>
    public void Add(StorageEndpoint channel)
    {
        lock (_gate) _channels.Add(channel);
    }

    /// <summary>Takes a closed channel out.</summary>
    public void Remove(StorageEndpoint channel)
    {
        lock (_gate) _channels.Remove(channel);
        provider.ChannelClosed(this, channel);
    }

    /// <summary>The open channels now.</summary>
    public StorageEndpoint[] Channels()
    {
        lock (_gate) return [.. _channels];
    }

    /// <summary>Notes that a handshake begins: as long as no command follows, the guest takes no notices.</summary>
    public void ForgetCommands() => Volatile.Write(ref _commandSeen, 0);

    /// <summary>Notes the guest's first command, and lets the primary send the notice that waited for it.</summary>
    public void NoteCommand()
    {
        if (CommandSeen || Interlocked.Exchange(ref _commandSeen, 1) != 0) return;
        StorageEndpoint? primary = Primary();
        primary?.Post(primary.SendNotice);
    }

    /// <summary>Tells the guest to look for logical units again. Any thread.</summary>
    public void TargetChanged()
    {
        StorageEndpoint? primary = Primary();
        primary?.Post(primary.TargetChanged);
    }

    private StorageEndpoint? Primary()
    {
        lock (_gate) return _channels.Find(static channel => channel.IsPrimary);
    }
}
