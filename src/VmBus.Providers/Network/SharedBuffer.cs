using VmBus.Memory.Guest;

namespace VmBus.Providers.Network;

/// <summary>A receive or send buffer while channels use it: given back when it is revoked and the last of them has let go. Any thread.</summary>
/// <param name="buffer">The memory.</param>
/// <param name="id">The guest's name for it.</param>
/// <param name="sectionBytes">Size of a section.</param>
/// <param name="sectionCount">Sections there are.</param>
/// <param name="post">Runs work on the primary channel's lane.</param>
internal sealed class SharedBuffer(INetworkBuffer buffer, ushort id, int sectionBytes, int sectionCount, Action<Action> post)
{
    private readonly Lock _gate = new();
    private int _users;
    private bool _revoked;

    public ushort Id => id;

    public int SectionBytes => sectionBytes;

    public int SectionCount => sectionCount;

    public GuestRegion Memory { get; } = buffer.Memory;

    /// <summary>Begins to use it; false when it is revoked.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_revoked) return false;
            _users++;
            return true;
        }
    }

    /// <summary>Ends what <see cref="TryEnter"/> began.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_users > 0 || !_revoked) return;
        }

        post(buffer.Release);
    }

    /// <summary>Nobody begins to use it any more. Called once.</summary>
    public void Revoke()
    {
        lock (_gate)
        {
            _revoked = true;
            if (_users > 0) return;
        }

        post(buffer.Release);
    }
}
