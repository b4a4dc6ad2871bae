using System.Globalization;

namespace VmBus.Machine.Crash;

/// <summary>What a guest says about its own crash.</summary>
/// <param name="P0">Guest-defined; Linux: the error code, Windows: the stop code.</param>
/// <param name="P1">Guest-defined; Linux: the guest's operating system id.</param>
/// <param name="P2">Guest-defined; Linux: the instruction pointer.</param>
/// <param name="P3">Guest-defined; the address of the message when there is one.</param>
/// <param name="P4">Guest-defined; the length of the message when there is one.</param>
/// <param name="Message">The end of the guest's log, at most 4096 characters, without control characters except line ends; empty when it sent none.</param>
/// <remarks>Source: protocol-spec/synic.md#crash.</remarks>
public sealed record CrashReport(ulong P0, ulong P1, ulong P2, ulong P3, ulong P4, string Message)
{
    /// <summary>The parameters in one line, then the message when there is one.</summary>
    public override string ToString()
    {
        string parameters = string.Create(CultureInfo.InvariantCulture, $"crash parameters {P0:x} {P1:x} {P2:x} {P3:x} {P4:x}");
        return Message.Length == 0 ? parameters : $"{parameters}\n{Message.TrimEnd('\n')}";
    }
}
