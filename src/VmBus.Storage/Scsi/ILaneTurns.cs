using VmBus.Lanes;

namespace VmBus.Storage.Scsi;

/// <summary>What the target needs of a lane besides disk I/O: to run something there later.</summary>
internal interface ILaneTurns
{
    /// <summary>Runs control work on the lane. Any thread.</summary>
    void Post(Action work);

    /// <summary>Runs <paramref name="handler"/> in the lane's next turn, after other channels had theirs.</summary>
    void Schedule(ILaneHandler handler);
}

/// <summary>A real lane.</summary>
internal sealed class LaneTurns(Lane lane) : ILaneTurns
{
    public void Post(Action work) => lane.Post(work);

    public void Schedule(ILaneHandler handler) => lane.Schedule(handler);
}
