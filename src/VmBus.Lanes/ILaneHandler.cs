namespace VmBus.Lanes;

/// <summary>Work that a lane runs when an eventfd it watches was signalled, or when it was scheduled.</summary>
public interface ILaneHandler
{
    /// <summary>Does a bounded piece of work on the lane's thread.</summary>
    /// <returns>True when work is left: the lane runs this again in its next turn, without waiting.</returns>
    bool Run();
}
