using VmBus.Native.Linux;

namespace VmBus.Native.Kvm;

/// <summary>A VM of KVM: its memory slots, interrupt controllers, routing and eventfds.</summary>
internal sealed class KvmVm : KvmDescriptor
{
    private readonly int _runBytes;

    internal KvmVm(int descriptor, int runBytes)
        : base(descriptor) => _runBytes = runBytes;

    /// <summary>Creates vCPU <paramref name="id"/> and maps its run page.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal KvmVcpu CreateVcpu(int id)
        => KvmVcpu.Create(CallOrThrow(KvmRequest.KVM_CREATE_VCPU, id, $"Creating vCPU {id} failed"), _runBytes);

    /// <summary>Backs a range of guest physical addresses with this process's memory.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetMemory(int slot, ulong guestAddress, ulong bytes, nint hostAddress)
    {
        var region = new kvm_userspace_memory_region
        {
            slot = (uint)slot,
            guest_phys_addr = guestAddress,
            memory_size = bytes,
            userspace_addr = (ulong)hostAddress,
        };
        CallOrThrow(KvmRequest.KVM_SET_USER_MEMORY_REGION, ref region, $"Giving the VM {bytes} bytes of memory at 0x{guestAddress:x} failed");
    }

    /// <summary>Has the guest's writes to an address, of any length and value, signal <paramref name="target"/> instead of leaving to user space.</summary>
    /// <param name="address">Guest physical address.</param>
    /// <param name="target">What is signalled.</param>
    /// <returns>0, or the negated errno.</returns>
    internal int BindWrite(ulong address, EventFd target)
    {
        var binding = new kvm_ioeventfd { addr = address, fd = target.Descriptor };
        return Call(KvmRequest.KVM_IOEVENTFD, ref binding);
    }

    /// <summary>Ends <see cref="BindWrite"/>.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int UnbindWrite(ulong address, EventFd target)
    {
        var binding = new kvm_ioeventfd { addr = address, fd = target.Descriptor, flags = KvmConstant.KVM_IOEVENTFD_FLAG_DEASSIGN };
        return Call(KvmRequest.KVM_IOEVENTFD, ref binding);
    }

    /// <summary>Places the four pages that Intel processors need to run real mode: one identity map, three of a task state segment.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void SetRealModePages(ulong identityMap, ulong taskState)
    {
        CallOrThrow(KvmRequest.KVM_SET_IDENTITY_MAP_ADDR, ref identityMap, "Placing the VM's identity map page failed");
        CallOrThrow(KvmRequest.KVM_SET_TSS_ADDR, (nint)taskState, "Placing the VM's task state pages failed");
    }

    /// <summary>Creates the PICs, the IOAPIC and the local APICs in the kernel. Comes before the first vCPU.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void CreateInterruptControllers() => CallOrThrow(KvmRequest.KVM_CREATE_IRQCHIP, 0, "Creating the VM's interrupt controllers failed");

    /// <summary>Creates the interval timer, with a dummy speaker behind port 0x61.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void CreateIntervalTimer()
    {
        var config = new kvm_pit_config { flags = KvmConstant.KVM_PIT_SPEAKER_DUMMY };
        CallOrThrow(KvmRequest.KVM_CREATE_PIT2, ref config, "Creating the VM's interval timer failed");
    }

    /// <summary>Replaces the whole routing table.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int SetRouting(kvm_irq_routing_entry[] entries) => CallWithList(KvmRequest.KVM_SET_GSI_ROUTING, entries, out _);

    /// <summary>Has some MSR accesses leave to user space, and no others. Takes a capability that the VM must have.</summary>
    /// <param name="ranges">At most 16.</param>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal void InterceptMsrs(params ReadOnlySpan<KvmMsrRange> ranges)
    {
        var capability = new kvm_enable_cap { cap = KvmCap.KVM_CAP_X86_USER_SPACE_MSR };
        capability.args[0] = KvmConstant.KVM_MSR_EXIT_REASON_FILTER;
        CallOrThrow(KvmRequest.KVM_ENABLE_CAP, ref capability, "Having KVM hand over MSR accesses failed");

        // A zero bit denies the access in the kernel, which then asks user space: one bitmap, as long as the longest range needs, serves all.
        int longest = 1;
        foreach (KvmMsrRange range in ranges) longest = Math.Max(longest, range.Count);
        using NativeBuffer bitmap = NativeBuffer.Allocate((longest + 7) / 8);
        var filter = new kvm_msr_filter { flags = KvmConstant.KVM_MSR_FILTER_DEFAULT_ALLOW };
        for (int i = 0; i < ranges.Length; i++)
        {
            filter.ranges[i] = new kvm_msr_filter_range
            {
                flags = ranges[i].Reads ? KvmConstant.KVM_MSR_FILTER_READ | KvmConstant.KVM_MSR_FILTER_WRITE : KvmConstant.KVM_MSR_FILTER_WRITE,
                nmsrs = (uint)ranges[i].Count,
                @base = ranges[i].First,
                bitmap = bitmap.Address,
            };
        }

        CallOrThrow(KvmRequest.KVM_X86_SET_MSR_FILTER, ref filter, "Filtering MSRs failed");
    }

    /// <summary>Reads the VM's clock, which its reference counter shows in units of 100 ns.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int GetClock(out kvm_clock_data clock)
    {
        clock = default;
        return Call(KvmRequest.KVM_GET_CLOCK, ref clock);
    }

    /// <summary>Drives an interrupt line.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int SetLine(int gsi, bool raised)
    {
        var line = new kvm_irq_level { irq = (uint)gsi, level = raised ? 1u : 0u };
        return Call(KvmRequest.KVM_IRQ_LINE, ref line);
    }

    /// <summary>
    /// Has writes to <paramref name="trigger"/> raise <paramref name="gsi"/>; with <paramref name="resample"/> the guest's end of interrupt
    /// signals that.
    /// </summary>
    /// <returns>0, or the negated errno.</returns>
    internal int AssignInterrupt(int gsi, EventFd trigger, EventFd? resample)
    {
        var irqfd = new kvm_irqfd
        {
            fd = (uint)trigger.Descriptor,
            gsi = (uint)gsi,
            flags = resample is null ? 0 : KvmConstant.KVM_IRQFD_FLAG_RESAMPLE,
            resamplefd = resample is null ? 0 : (uint)resample.Descriptor,
        };
        return Call(KvmRequest.KVM_IRQFD, ref irqfd);
    }

    /// <summary>Ends <see cref="AssignInterrupt"/>. Returns when the kernel no longer uses the eventfds.</summary>
    /// <returns>0, or the negated errno.</returns>
    internal int ReleaseInterrupt(int gsi, EventFd trigger)
    {
        var irqfd = new kvm_irqfd { fd = (uint)trigger.Descriptor, gsi = (uint)gsi, flags = KvmConstant.KVM_IRQFD_FLAG_DEASSIGN };
        return Call(KvmRequest.KVM_IRQFD, ref irqfd);
    }

    /// <summary>Has the guest's HVCALL_SIGNAL_EVENT on <paramref name="connectionId"/> write <paramref name="target"/>.</summary>
    /// <returns>0, or the negated errno: EEXIST when the id is bound, EINVAL when it has more than 24 bits.</returns>
    internal int BindEvent(uint connectionId, EventFd target)
    {
        var binding = new kvm_hyperv_eventfd { conn_id = connectionId, fd = target.Descriptor };
        return Call(KvmRequest.KVM_HYPERV_EVENTFD, ref binding);
    }

    /// <summary>Ends <see cref="BindEvent"/>.</summary>
    /// <returns>0, or the negated errno: ENOENT when the id is not bound.</returns>
    internal int UnbindEvent(uint connectionId)
    {
        var binding = new kvm_hyperv_eventfd { conn_id = connectionId, fd = -1, flags = KvmConstant.KVM_HYPERV_EVENTFD_DEASSIGN };
        return Call(KvmRequest.KVM_HYPERV_EVENTFD, ref binding);
    }
}
