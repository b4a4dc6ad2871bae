using VmBus.Management.MessagePack;

namespace VmBus.Management.Values;

/// <summary>The console is attached.</summary>
/// <param name="Scrollback">Bytes of what the guest has sent before that come first.</param>
public sealed record AttachReply(long Scrollback) : IControlValue<AttachReply>
{
    /// <inheritdoc/>
    public static AttachReply Read(ref MessagePackReader reader)
    {
        var map = ValueMap.Read(ref reader);
        return new AttachReply(map.Int64("scrollback"));
    }

    /// <inheritdoc/>
    public void Write(ref MessagePackWriter writer)
    {
        writer.WriteMapHeader(1);
        writer.Pair("scrollback", Scrollback);
    }
}
