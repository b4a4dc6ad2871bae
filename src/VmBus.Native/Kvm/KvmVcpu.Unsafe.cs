using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Native.Kvm;

/// <summary>A vCPU: its registers, and the page through which it reports why it left the guest.</summary>
/// <remarks>
/// One thread runs the vCPU; while it does, every ioctl of another thread waits for it to leave. <see cref="RequestExit"/> is for any thread.
/// </remarks>
internal sealed partial class KvmVcpu : KvmDescriptor
{
    private MemoryMapping? _run;

    private KvmVcpu(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>The run page. Valid until this vCPU is disposed.</summary>
    internal KvmRunPage RunPage => new(_run!.Address, (int)_run.Bytes);

    /// <summary>Takes over a vCPU's descriptor and maps its run page.</summary>
    /// <exception cref="LinuxException">The page cannot be mapped; the descriptor is closed then.</exception>
    internal static KvmVcpu Create(int descriptor, int runBytes)
    {
        var vcpu = new KvmVcpu(descriptor);
        try
        {
            vcpu._run = MemoryMapping.Map(vcpu, 0, runBytes);
            return vcpu;
        }
        catch
        {
            vcpu.Dispose();
            throw;
        }
    }

    /// <summary>Runs the guest until it needs user space, <see cref="RequestExit"/> was called, or a signal arrives.</summary>
    /// <returns>0 when the run page holds an exit, else errno: EINTR or EAGAIN to run again.</returns>
    /// <remarks>The calling thread holds a reference to this handle (<see cref="SafeHandle.DangerousAddRef"/>) for as long as it runs the vCPU.</remarks>
    internal int Run() => ioctl((int)handle, KvmRequest.KVM_RUN, 0) >= 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Has the next or the current <see cref="Run"/> return EINTR; the current one as soon as its thread takes a signal.</summary>
    internal void RequestExit() => Volatile.Write(ref RunPage.ImmediateExit, 1);

    /// <summary>The general registers.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal kvm_regs GetRegisters()
    {
        var registers = default(kvm_regs);
        CallOrThrow(KvmRequest.KVM_GET_REGS, ref registers, "Reading a vCPU's registers failed");
        return registers;
    }

    /// <summary>Sets the general registers.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetRegisters(kvm_regs registers) => CallOrThrow(KvmRequest.KVM_SET_REGS, ref registers, "Setting a vCPU's registers failed");

    /// <summary>Segments, tables and control registers.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal kvm_sregs GetSystemRegisters()
    {
        var registers = default(kvm_sregs);
        CallOrThrow(KvmRequest.KVM_GET_SREGS, ref registers, "Reading a vCPU's system registers failed");
        return registers;
    }

    /// <summary>Sets segments, tables and control registers.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetSystemRegisters(kvm_sregs registers)
        => CallOrThrow(KvmRequest.KVM_SET_SREGS, ref registers, "Setting a vCPU's system registers failed");

    /// <summary>Sets what the CPUID instruction answers.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetCpuid(kvm_cpuid_entry2[] entries)
    {
        int result = CallWithList(KvmRequest.KVM_SET_CPUID2, entries, out _);
        if (result < 0) throw new LinuxException($"Setting a vCPU's {entries.Length} CPUID leaves failed", -result);
    }

    /// <summary>Turns a capability of this vCPU on.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void Enable(int capability, string name)
    {
        var argument = new kvm_enable_cap { cap = (uint)capability };
        CallOrThrow(KvmRequest.KVM_ENABLE_CAP, ref argument, $"Enabling {name} failed");
    }

    /// <summary>Writes MSRs as the host, in order.</summary>
    /// <exception cref="LinuxException">The kernel refused one; the text names it.</exception>
    internal void SetMsrs(ReadOnlySpan<(uint Index, ulong Value)> values)
    {
        var entries = new kvm_msr_entry[values.Length];
        for (int i = 0; i < values.Length; i++) entries[i] = new kvm_msr_entry { index = values[i].Index, data = values[i].Value };
        int done = CallWithList(KvmRequest.KVM_SET_MSRS, entries, out _);
        if (done == entries.Length) return;
        string which = done >= 0 ? $" 0x{entries[done].index:x}" : string.Empty;
        throw new LinuxException($"Setting a vCPU's MSR{which} failed", done < 0 ? -done : Errno.EINVAL);
    }

    /// <summary>Writes one MSR as the host.</summary>
    /// <returns>False when the vCPU has no such MSR, or the kernel refuses the value.</returns>
    internal bool TrySetMsr(uint index, ulong value)
    {
        kvm_msr_entry[] entries = [new kvm_msr_entry { index = index, data = value }];
        return CallWithList(KvmRequest.KVM_SET_MSRS, entries, out _) == 1;
    }

    /// <summary>Reads one MSR as the host.</summary>
    /// <returns>False when the vCPU has no such MSR.</returns>
    internal bool TryGetMsr(uint index, out ulong value)
    {
        kvm_msr_entry[] entries = [new kvm_msr_entry { index = index }];
        int done = CallWithList(KvmRequest.KVM_GET_MSRS, entries, out _);
        value = entries[0].data;
        return done == 1;
    }

    /// <summary>Changes 32-bit registers of the local APIC, given by their offset in its page.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetLocalApic(ReadOnlySpan<(int Offset, uint Value)> registers)
    {
        var state = default(kvm_lapic_state);
        CallOrThrow(KvmRequest.KVM_GET_LAPIC, ref state, "Reading a vCPU's local APIC failed");
        Span<byte> page = state.regs;
        foreach ((int offset, uint value) in registers) MemoryMarshal.Write(page[offset..], value);
        CallOrThrow(KvmRequest.KVM_SET_LAPIC, ref state, "Setting a vCPU's local APIC failed");
    }

    /// <summary>Translates a guest virtual address with the vCPU's page tables.</summary>
    /// <returns>False when it is not mapped.</returns>
    internal bool TryTranslate(ulong linearAddress, out ulong physicalAddress)
    {
        var translation = new kvm_translation { linear_address = linearAddress };
        bool found = Call(KvmRequest.KVM_TRANSLATE, ref translation) >= 0 && translation.valid != 0;
        physicalAddress = found ? translation.physical_address : 0;
        return found;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // The mapping holds the vCPU's file open, so it goes first. Null when mapping it is what failed.
        _run?.Dispose();
        return base.ReleaseHandle();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int file, nuint request, nint argument);
}
