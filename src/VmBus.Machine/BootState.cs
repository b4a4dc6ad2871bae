namespace VmBus.Machine;

/// <summary>The execution mode the first processor starts in.</summary>
public enum BootMode
{
    /// <summary>64-bit long mode with paging on: <see cref="BootState.PageTableRoot"/> maps the code identically.</summary>
    Long64,

    /// <summary>32-bit protected mode with paging off and flat 4 GiB segments: the PVH entry.</summary>
    Protected32,
}

/// <summary>A descriptor table: the guest address of its first entry and its last valid byte offset.</summary>
public readonly record struct DescriptorTable(ulong Base, ushort Limit);

/// <summary>What the first processor holds when it executes its first instruction. Other processors wait for INIT and SIPI.</summary>
/// <remarks>
/// Registers that are not named are 0, RFLAGS is 2. Segments are flat and loaded whole, so the tables at <see cref="Gdt"/> are read only when
/// the guest reloads a selector. Source: Linux Documentation/arch/x86/boot.rst (64-bit boot protocol), Xen's PVH entry specification.
/// </remarks>
public sealed record BootState
{
    /// <summary>The execution mode.</summary>
    public required BootMode Mode { get; init; }

    /// <summary>RIP or EIP.</summary>
    public required ulong InstructionPointer { get; init; }

    /// <summary>RSP or ESP.</summary>
    public ulong StackPointer { get; init; }

    /// <summary>RBX or EBX; a PVH entry takes the address of its start information here.</summary>
    public ulong Rbx { get; init; }

    /// <summary>RSI or ESI; Linux's 64-bit entry takes the address of its boot parameters here.</summary>
    public ulong Rsi { get; init; }

    /// <summary>CR3: the address of the top-level page table. Used in <see cref="BootMode.Long64"/> only.</summary>
    public ulong PageTableRoot { get; init; }

    /// <summary>The global descriptor table.</summary>
    public DescriptorTable Gdt { get; init; }

    /// <summary>The interrupt descriptor table; empty unless set, so that a fault before the guest sets its own resets the machine.</summary>
    public DescriptorTable Idt { get; init; }

    /// <summary>Selector in CS.</summary>
    public ushort CodeSelector { get; init; } = 0x10;

    /// <summary>Selector in DS, ES and SS (FS and GS hold it too).</summary>
    public ushort DataSelector { get; init; } = 0x18;

    /// <summary>Selector in TR.</summary>
    public ushort TaskSelector { get; init; }
}
