using System.Globalization;
using VmBus.Memory.Guest;
using VmBus.Native.Kvm;
using VmBus.Native.Linux;

namespace VmBus.Machine.Processors;

/// <summary>A processor's state in one line, for a machine that could not go on.</summary>
internal static class RegisterSummary
{
    private const int CodeBytes = 16;

    /// <summary>Reads the registers and the bytes at the instruction pointer. On the vCPU's thread.</summary>
    internal static string Describe(KvmVcpu vcpu, GuestMemory memory)
    {
        try
        {
            kvm_regs general = vcpu.GetRegisters();
            kvm_sregs system = vcpu.GetSystemRegisters();
            byte[] code = new byte[CodeBytes];
            ulong linear = unchecked(system.cs.@base + general.rip);
            bool readable = vcpu.TryTranslate(linear, out ulong physical) && memory.TryRead(new Gpa(physical), code);
            string bytes = readable ? Convert.ToHexStringLower(code) : "not readable";
            return string.Create(
                CultureInfo.InvariantCulture,
                $"rip {system.cs.selector:x}:{general.rip:x} (bytes {bytes}) rsp {general.rsp:x} rflags {general.rflags:x} rax {general.rax:x} "
                + $"rbx {general.rbx:x} rcx {general.rcx:x} rdx {general.rdx:x} rsi {general.rsi:x} rdi {general.rdi:x} "
                + $"cr0 {system.cr0:x} cr2 {system.cr2:x} cr3 {system.cr3:x} cr4 {system.cr4:x} efer {system.efer:x}");
        }
        catch (LinuxException e)
        {
            return $"its registers cannot be read ({e.Message})";
        }
    }
}
