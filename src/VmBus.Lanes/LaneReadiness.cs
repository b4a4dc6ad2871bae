namespace VmBus.Lanes;

/// <summary>What a file is waited for. Values are those of poll(2).</summary>
[Flags]
public enum LaneReadiness
{
    /// <summary>Errors and hang-up only.</summary>
    None = 0,

    /// <summary>Bytes to read, or the end.</summary>
    Readable = 0x1,

    /// <summary>Room to write.</summary>
    Writable = 0x4,

    /// <summary>The other end is closed altogether. Reported whether asked for or not, and again and again while the watch lasts.</summary>
    HungUp = 0x10,
}
