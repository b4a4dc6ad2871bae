using VmBus.Memory.Guest;

namespace VmBus.Machine.Acpi;

/// <summary>One table of <see cref="AcpiTables"/>.</summary>
/// <param name="Signature">Its four-character signature; the FADT's is FACP, the MADT's APIC.</param>
/// <param name="Start">Where it lies in guest memory.</param>
/// <param name="Bytes">Its bytes.</param>
public readonly record struct AcpiTable(string Signature, Gpa Start, ReadOnlyMemory<byte> Bytes);
