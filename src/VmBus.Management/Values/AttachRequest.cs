using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The console is attached: after the reply the connection carries its bytes.</summary>
/// <param name="Scrollback">Most bytes of what the guest has sent before that are wanted.</param>
public sealed record AttachRequest(long Scrollback) : IControlValue<AttachRequest>
{
    /// <inheritdoc/>
    public static AttachRequest Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AttachRequest(map.Int64("scrollback"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("scrollback", Scrollback);
    }
}
