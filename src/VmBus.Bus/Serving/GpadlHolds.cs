using VmBus.Bus.Devices;
using VmBus.Bus.Gpadls;
using VmBus.Memory.Guest;

namespace VmBus.Bus.Serving;

/// <summary>The GPADLs that one open channel's device has asked for or holds. Everything runs on the channel's lane.</summary>
/// <remarks>
/// The control lane owns the GPADLs: it is asked by a post and answers by one. Posts of a lane are read in order, so it has heard of every
/// question and release before it hears that the channel has closed.
/// </remarks>
internal sealed class GpadlHolds(uint channelId, IPumpOwner owner)
{
    private readonly Dictionary<uint, Hold> _holds = [];
    private bool _isEnded;

    /// <summary>See <see cref="OpenChannel.TryTakeGpadl"/>.</summary>
    public bool TryTake(uint gpadlId, IGpadlHolder holder)
    {
        if (_isEnded || _holds.Count >= GpadlLimits.MaximumHeld || !_holds.TryAdd(gpadlId, new Hold(holder, null))) return false;
        owner.TakeGpadl(channelId, gpadlId);
        return true;
    }

    /// <summary>The control lane's answer.</summary>
    public void Taken(uint gpadlId, GuestRegion? memory)
    {
        if (_isEnded) return;
        IGpadlHolder holder = _holds[gpadlId].Holder;
        if (memory is null)
        {
            _holds.Remove(gpadlId);
            holder.GpadlTaken(gpadlId, null);
            return;
        }

        var held = new HeldGpadl(gpadlId, memory, this);
        _holds[gpadlId] = new Hold(holder, held);
        holder.GpadlTaken(gpadlId, held);
    }

    /// <summary>The guest asks for one back. What was released meanwhile needs no word: the release is on its way.</summary>
    public void Want(uint gpadlId)
    {
        if (!_isEnded && _holds.TryGetValue(gpadlId, out Hold hold) && hold.Held is { } held) hold.Holder.GpadlWanted(held);
    }

    /// <summary>See <see cref="HeldGpadl.Release"/>.</summary>
    public void Release(HeldGpadl held)
    {
        if (_isEnded || !_holds.TryGetValue(held.Id, out Hold hold) || hold.Held != held) return;
        _holds.Remove(held.Id);
        owner.ReleaseGpadl(channelId, held.Id);
    }

    /// <summary>No questions, answers or wishes any more: the device stops. What it holds goes back when the channel has closed.</summary>
    public void End() => _isEnded = true;

    private readonly record struct Hold(IGpadlHolder Holder, HeldGpadl? Held);
}
