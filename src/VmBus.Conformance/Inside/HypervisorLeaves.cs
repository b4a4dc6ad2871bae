using System.Buffers.Binary;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace VmBus.Conformance.Inside;

/// <summary>The registers that CPUID gives for a leaf.</summary>
internal readonly record struct CpuidRegisters(uint Eax, uint Ebx, uint Ecx, uint Edx);

/// <summary>What the hypervisor says of itself to whoever asks a processor. Source: protocol-spec/synic.md#cpuid.</summary>
/// <param name="read">Reads a leaf; null where there is no CPUID.</param>
internal sealed class HypervisorLeaves(Func<uint, CpuidRegisters>? read)
{
    private const uint First = 0x4000_0000;

    /// <summary>Those of this processor, which gives the hypervisor's own to programs too.</summary>
    public static HypervisorLeaves OfThisProcessor { get; } = new(X86Base.IsSupported ? Read : null);

    public bool CanBeRead => read is not null;

    /// <summary>The highest leaf.</summary>
    public uint Last => Leaf(0).Eax;

    /// <summary>Who it says that it is: 12 characters.</summary>
    public string Vendor
    {
        get
        {
            CpuidRegisters leaf = Leaf(0);
            return Text(leaf.Ebx, leaf.Ecx, leaf.Edx);
        }
    }

    /// <summary>Which interface it has: 4 characters.</summary>
    public string Interface => Text(Leaf(1).Eax);

    /// <summary>What the partition may use: privileges in EAX and EBX.</summary>
    public CpuidRegisters Privileges => Leaf(3);

    private CpuidRegisters Leaf(uint number) => read?.Invoke(First + number) ?? default;

    private static string Text(params ReadOnlySpan<uint> registers)
    {
        byte[] bytes = new byte[sizeof(uint) * registers.Length];
        for (int i = 0; i < registers.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), registers[i]);
        return string.Concat(Encoding.Latin1.GetString(bytes).Select(static c => char.IsAscii(c) && !char.IsControl(c) ? c : '?'));
    }

    private static CpuidRegisters Read(uint leaf)
    {
        (int eax, int ebx, int ecx, int edx) = X86Base.CpuId(unchecked((int)leaf), 0);
        return new CpuidRegisters((uint)eax, (uint)ebx, (uint)ecx, (uint)edx);
    }
}
