using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Consoles;

namespace VmBus.Host.Consoles;

/// <summary>A console that the guest reaches by a virtio console device (hvc0 in Linux) instead of a serial line.</summary>
/// <param name="Console">Its far end, which outlives the partition.</param>
/// <param name="Size">How large the terminal is; null when it has no size.</param>
public sealed record VirtioConsole(IConsole Console, ConsoleConfig? Size) : ITerminal
{
    private bool _isLost;

    /// <inheritdoc/>
    void ITerminal.Write(ReadOnlySpan<byte> bytes)
    {
        if (_isLost) return;
        try
        {
            Console.Write(bytes);
        }
        catch (Exception exception) when (exception is LinuxException or IOException)
        {
            // Nobody reads it any more; the guest goes on.
            _isLost = true;
        }
    }
}
