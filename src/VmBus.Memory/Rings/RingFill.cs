namespace VmBus.Memory.Rings;

/// <summary>How full a ring was at one moment, by what its indices said then.</summary>
/// <param name="Bytes">Bytes that were written and not yet taken.</param>
/// <param name="Size">Bytes of its data area.</param>
public readonly record struct RingFill(int Bytes, int Size);
