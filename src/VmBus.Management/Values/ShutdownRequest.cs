using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>What the guest is to do about its power.</summary>
/// <param name="Action"><c>power-off</c>, <c>reboot</c> or <c>hibernate</c>.</param>
/// <param name="Force">Without waiting for those who are logged in.</param>
public sealed record ShutdownRequest(string Action, bool Force) : IControlValue<ShutdownRequest>
{
    /// <inheritdoc/>
    public static ShutdownRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new ShutdownRequest(map.Text("action"), map.Boolean("force"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(2);
        writer.Pair("action", Action);
        writer.Pair("force", Force);
    }
}
