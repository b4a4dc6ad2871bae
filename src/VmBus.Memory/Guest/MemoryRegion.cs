namespace VmBus.Memory.Guest;

/// <summary>One run of guest RAM: where the guest, the memory file and this process see it.</summary>
/// <param name="Start">First guest physical address, page aligned.</param>
/// <param name="Bytes">Length, a multiple of the page size.</param>
/// <param name="FileOffset">Offset of the first byte in the memory file.</param>
/// <param name="HostAddress">Address of the first byte in this process; handed to the kernel, never to a parser.</param>
public readonly record struct MemoryRegion(Gpa Start, ulong Bytes, long FileOffset, nint HostAddress);
