using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>One instruction of a classic socket filter (struct sock_filter).</summary>
/// <param name="Code">Operation.</param>
/// <param name="IfTrue">Instructions to skip when a condition holds.</param>
/// <param name="IfFalse">Instructions to skip when it does not.</param>
/// <param name="Value">Offset or constant.</param>
/// <remarks>Source: linux/filter.h; Documentation/networking/filter.rst.</remarks>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct BpfInstruction(ushort Code, byte IfTrue, byte IfFalse, uint Value)
{
    private const ushort BPF_LD_W_ABS = 0x20;
    private const ushort BPF_LD_H_ABS = 0x28;
    private const ushort BPF_LD_B_ABS = 0x30;
    private const ushort BPF_JMP_JEQ_K = 0x15;
    private const ushort BPF_JMP_JSET_K = 0x45;
    private const ushort BPF_RET_K = 0x06;

    /// <summary>Loads one, two or four bytes of the frame, big-endian.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Another size.</exception>
    public static BpfInstruction Load(int bytes, uint offset) => bytes switch
    {
        1 => new(BPF_LD_B_ABS, 0, 0, offset),
        2 => new(BPF_LD_H_ABS, 0, 0, offset),
        4 => new(BPF_LD_W_ABS, 0, 0, offset),
        _ => throw new ArgumentOutOfRangeException(nameof(bytes)),
    };

    /// <summary>Skips by whether what was loaded is <paramref name="value"/>.</summary>
    public static BpfInstruction IfEqual(uint value, byte ifTrue, byte ifFalse) => new(BPF_JMP_JEQ_K, ifTrue, ifFalse, value);

    /// <summary>Skips by whether what was loaded has a bit of <paramref name="bits"/>.</summary>
    public static BpfInstruction IfAnyBit(uint bits, byte ifTrue, byte ifFalse) => new(BPF_JMP_JSET_K, ifTrue, ifFalse, bits);

    /// <summary>Takes the whole frame, or drops it.</summary>
    public static BpfInstruction Return(bool accept) => new(BPF_RET_K, 0, 0, accept ? uint.MaxValue : 0);
}
