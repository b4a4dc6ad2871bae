using System.Diagnostics;

namespace VmBus.Bus.Serving;

/// <summary>
/// Decides how many answers a channel collects before its guest is interrupted for them. A host that answers faster than the guest asks would
/// otherwise interrupt it for every single answer.
/// </summary>
/// <remarks>
/// A guest that waits for its answer sends nothing more, so what it sends while answers are held shows that it had more to do. The limit grows by
/// one with each batch that reaches it, and falls to half of what was held when nothing more came for as long as a few packets take: such a
/// silence comes once in many answers, and a guest with one request at a time is tried ever more rarely.
/// </remarks>
internal struct AnswerHold()
{
    private const int MostHeld = 32;
    private const int MostTrialsApart = 256;

    // A guest takes several times as long as the host for 4k from the page cache: with fio's reads at depth 32, at 4 most silences are too short for it
    // (1.0 interrupts per read, as without), at 8 it gets 0.6.
    private const int SilentPackets = 8;

    // Longer work says nothing of how quickly a guest sends.
    private static readonly long MostSilentTicks = Stopwatch.Frequency / 2000;

    private int _limit = 1;
    private int _held;
    private int _untilTrial = 1;
    private int _trialsApart = 1;
    private long _lastPacket;
    private long _ticksPerPacket;

    /// <summary>To be asked at the end of every turn.</summary>
    /// <param name="packets">What the turn took from the guest.</param>
    /// <param name="answers">What it answered at once.</param>
    /// <param name="began">When the turn began, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="now">The time.</param>
    /// <returns>True to look for more first; false to publish what there is, which is to be told by <see cref="Published"/>.</returns>
    public bool GoesOn(int packets, int answers, long began, long now)
    {
        if (packets > 0)
        {
            _lastPacket = now;
            _ticksPerPacket += (((now - began) / packets) - _ticksPerPacket) / 8;
        }

        _held += answers;
        if (_held == 0) return false;
        if (_held >= _limit)
        {
            Grow();
            return false;
        }

        if (now - _lastPacket <= Math.Min(SilentPackets * _ticksPerPacket, MostSilentTicks)) return true;
        Shrink();
        return false;
    }

    /// <summary>The guest sees everything.</summary>
    public void Published() => _held = 0;

    private void Grow()
    {
        if (_held > 1) _trialsApart = 1;
        if (_limit > 1 || _held > 1) _limit = Math.Min(Math.Max(_limit + 1, _held), MostHeld);
        else if (--_untilTrial <= 0) _limit = 2;
    }

    private void Shrink()
    {
        // Nothing came after the first answer: the guest waits for each.
        if (_held == 1) _trialsApart = Math.Min(_trialsApart * 2, MostTrialsApart);
        _untilTrial = _trialsApart;
        _limit = Math.Max(1, _held / 2);
    }
}
