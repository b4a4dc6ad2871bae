namespace VmBus.Providers.Network;

/// <summary>Whether the guest seems to verify coalesced frames itself, although it is told that their checksums are right.</summary>
/// <remarks>
/// A guest need not say that it does (Linux: <c>ethtool -K eth0 rx off</c>), and a checksum over each coalesced frame would be in vain for all others. A
/// guest that drops such frames tells their sender of holes: after that they have checksums for a while, and for twice as long when it happens again
/// soon. A link that loses frames looks the same and costs only those checksums. Any lane; counts may be off by a few.
/// Source: protocol-spec/rndis.md#checksum-done.
/// </remarks>
internal sealed class ChecksumDoubt
{
    /// <summary>Coalesced frames that get checksums after a hole.</summary>
    internal const int FewestFrames = 256;

    /// <summary>As many as it can become.</summary>
    internal const int MostFrames = 1 << 20;

    private volatile int _left;
    private volatile int _span = FewestFrames;
    private volatile int _trusted = FewestFrames;

    /// <summary>The guest has told a sender that something is missing.</summary>
    public void Hole()
    {
        if (_left == 0) _span = _trusted < FewestFrames ? Math.Min(_span * 2, MostFrames) : FewestFrames;
        _left = _span;
        _trusted = 0;
    }

    /// <summary>Asked for each coalesced frame: whether its checksum is to be computed.</summary>
    public bool Applies()
    {
        int left = _left;
        if (left > 0)
        {
            _left = left - 1;
            return true;
        }

        if (_trusted < FewestFrames) _trusted++;
        return false;
    }
}
