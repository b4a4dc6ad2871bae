namespace VmBus.Virtio.Consoles;

/// <summary>Where the output of a console goes.</summary>
public interface ITerminal
{
    /// <summary>Writes bytes; may wait until they are taken. Called on a thread of the device's, and does not throw.</summary>
    void Write(ReadOnlySpan<byte> bytes);
}
