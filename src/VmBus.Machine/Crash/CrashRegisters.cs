using System.Text;
using VmBus.Memory.Guest;

namespace VmBus.Machine.Crash;

/// <summary>The partition's crash registers: HV_X64_MSR_CRASH_P0 to P4 and HV_X64_MSR_CRASH_CTL.</summary>
/// <remarks>
/// KVM implements them too, but drops the message that comes with a crash, so the machine keeps them here. Any vCPU thread.
/// Source: protocol-spec/synic.md#crash.
/// </remarks>
internal sealed class CrashRegisters(GuestMemory memory)
{
    internal const uint FirstMsr = 0x4000_0100;
    internal const int MsrCount = 6;

    private const int ParameterCount = 5;
    private const int MessageAddress = 3;
    private const int MessageBytes = 4;
    private const ulong Notify = 1UL << 63;
    private const ulong MessagePresent = 1UL << 62;

    // What the guest may send: one page.
    private const int MaximumMessageBytes = 4096;

    private readonly ulong[] _parameters = new ulong[ParameterCount];

    /// <summary>Reads a register.</summary>
    /// <returns>False when <paramref name="index"/> is none of them.</returns>
    internal bool TryRead(uint index, out ulong value)
    {
        uint register = unchecked(index - FirstMsr);
        value = register switch
        {
            < ParameterCount => Volatile.Read(ref _parameters[register]),

            // What reporting this host takes: a guest that finds bit 62 sends the end of its log along.
            ParameterCount => Notify | MessagePresent,
            _ => 0,
        };
        return register < MsrCount;
    }

    /// <summary>Writes a register.</summary>
    /// <param name="index">The MSR.</param>
    /// <param name="value">The value.</param>
    /// <param name="report">The crash, when the write reports one.</param>
    /// <returns>False when <paramref name="index"/> is none of them.</returns>
    internal bool TryWrite(uint index, ulong value, out CrashReport? report)
    {
        report = null;
        uint register = unchecked(index - FirstMsr);
        if (register >= MsrCount) return false;
        if (register < ParameterCount) Volatile.Write(ref _parameters[register], value);
        else if ((value & Notify) != 0) report = Report((value & MessagePresent) != 0);
        return true;
    }

    /// <summary>The registers as a report.</summary>
    internal CrashReport Report(bool withMessage)
    {
        string message = withMessage ? ReadMessage(new Gpa(_parameters[MessageAddress]), _parameters[MessageBytes]) : string.Empty;
        return new CrashReport(_parameters[0], _parameters[1], _parameters[2], _parameters[3], _parameters[4], message);
    }

    private string ReadMessage(Gpa start, ulong bytes)
    {
        byte[] message = new byte[(int)Math.Min(bytes, MaximumMessageBytes)];
        if (!memory.TryRead(start, message)) return string.Empty;
        var text = new StringBuilder(message.Length);
        foreach (char c in Encoding.UTF8.GetString(message).TrimEnd('\0'))
        {
            // The text ends up on terminals and in logs: nothing in it may steer them.
            if (c is '\n' or '\t' || !char.IsControl(c)) text.Append(c);
        }

        return text.ToString();
    }
}
