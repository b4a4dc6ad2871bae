namespace VmBus.Client.Sysfs;

/// <summary>A device of the VMBus as sysfs shows it.</summary>
/// <param name="Id">The number of its first channel.</param>
/// <param name="ClassId">What kind of device it is.</param>
/// <param name="InstanceId">Which of its kind.</param>
/// <param name="Driver">Its driver, or null.</param>
/// <param name="State">The state of its first channel: 3 is open.</param>
/// <param name="Interfaces">Network interfaces that it is.</param>
/// <param name="Channels">Its channels, by number.</param>
public sealed record VmbusDevice(
    uint Id, Guid ClassId, Guid InstanceId, string? Driver, long? State, IReadOnlyList<string> Interfaces, IReadOnlyList<VmbusChannel> Channels)
{
    /// <summary>What its kind is called.</summary>
    public string ClassName => DeviceClass.NameOf(ClassId);

    /// <summary>The state in a word.</summary>
    public string StateName => State switch
    {
        0 => "offered",
        1 => "opening",
        2 => "offered",
        3 => "open",
        _ => "unknown",
    };
}
