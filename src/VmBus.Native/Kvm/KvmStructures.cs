using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VmBus.Native.Kvm;

// Structures of linux/kvm.h and asm/kvm.h with the kernel's names. A test compiles their sizes and offsets against those headers.

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_regs
{
    public ulong rax;
    public ulong rbx;
    public ulong rcx;
    public ulong rdx;
    public ulong rsi;
    public ulong rdi;
    public ulong rsp;
    public ulong rbp;
    public ulong r8;
    public ulong r9;
    public ulong r10;
    public ulong r11;
    public ulong r12;
    public ulong r13;
    public ulong r14;
    public ulong r15;
    public ulong rip;
    public ulong rflags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_segment
{
    public ulong @base;
    public uint limit;
    public ushort selector;
    public byte type;
    public byte present;
    public byte dpl;
    public byte db;
    public byte s;
    public byte l;
    public byte g;
    public byte avl;
    public byte unusable;
    public byte padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_dtable
{
    public ulong @base;
    public ushort limit;
    public UInt16x3 padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_sregs
{
    public kvm_segment cs;
    public kvm_segment ds;
    public kvm_segment es;
    public kvm_segment fs;
    public kvm_segment gs;
    public kvm_segment ss;
    public kvm_segment tr;
    public kvm_segment ldt;
    public kvm_dtable gdt;
    public kvm_dtable idt;
    public ulong cr0;
    public ulong cr2;
    public ulong cr3;
    public ulong cr4;
    public ulong cr8;
    public ulong efer;
    public ulong apic_base;
    public UInt64x4 interrupt_bitmap;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_userspace_memory_region
{
    public uint slot;
    public uint flags;
    public ulong guest_phys_addr;
    public ulong memory_size;
    public ulong userspace_addr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_cpuid_entry2
{
    public uint function;
    public uint index;
    public uint flags;
    public uint eax;
    public uint ebx;
    public uint ecx;
    public uint edx;
    public UInt32x3 padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_msr_entry
{
    public uint index;
    public uint reserved;
    public ulong data;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_irq_level
{
    public uint irq;
    public uint level;
}

/// <summary>The union of the kernel's structure is spread out as the three words that its routed kinds use.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct kvm_irq_routing_entry
{
    public uint gsi;
    public uint type;
    public uint flags;
    public uint pad;
    public uint first;
    public uint second;
    public UInt32x6 rest;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_irqfd
{
    public uint fd;
    public uint gsi;
    public uint flags;
    public uint resamplefd;
    public UInt64x2 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_ioeventfd
{
    public ulong datamatch;
    public ulong addr;
    public uint len;
    public int fd;
    public uint flags;
    public UInt32x9 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_pit_config
{
    public uint flags;
    public UInt32x15 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_clock_data
{
    public ulong clock;
    public uint flags;
    public uint pad0;
    public ulong realtime;
    public ulong host_tsc;
    public UInt32x4 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_hyperv_eventfd
{
    public uint conn_id;
    public int fd;
    public uint flags;
    public UInt32x3 padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_enable_cap
{
    public uint cap;
    public uint flags;
    public UInt64x4 args;
    public UInt64x8 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_lapic_state
{
    public Bytex1024 regs;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_mp_state
{
    public uint mp_state;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_translation
{
    public ulong linear_address;
    public ulong physical_address;
    public byte valid;
    public byte writeable;
    public byte usermode;
    public Bytex5 pad;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_msr_filter_range
{
    public uint flags;
    public uint nmsrs;
    public uint @base;
    public nint bitmap;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_msr_filter
{
    public uint flags;
    public FilterRangex16 ranges;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_stats_header
{
    public uint flags;
    public uint name_size;
    public uint num_desc;
    public uint id_offset;
    public uint desc_offset;
    public uint data_offset;
}

[StructLayout(LayoutKind.Sequential)]
internal struct kvm_stats_desc
{
    public uint flags;
    public short exponent;
    public ushort size;
    public uint offset;
    public uint bucket_size;
}

[InlineArray(3)]
internal struct UInt16x3
{
    private ushort _first;
}

[InlineArray(3)]
internal struct UInt32x3
{
    private uint _first;
}

[InlineArray(4)]
internal struct UInt32x4
{
    private uint _first;
}

[InlineArray(6)]
internal struct UInt32x6
{
    private uint _first;
}

[InlineArray(15)]
internal struct UInt32x15
{
    private uint _first;
}

[InlineArray(2)]
internal struct UInt64x2
{
    private ulong _first;
}

[InlineArray(4)]
internal struct UInt64x4
{
    private ulong _first;
}

[InlineArray(8)]
internal struct UInt64x8
{
    private ulong _first;
}

[InlineArray(5)]
internal struct Bytex5
{
    private byte _first;
}

[InlineArray(1024)]
internal struct Bytex1024
{
    private byte _first;
}

[InlineArray(16)]
internal struct FilterRangex16
{
    private kvm_msr_filter_range _first;
}

[InlineArray(9)]
internal struct UInt32x9
{
    private uint _first;
}
