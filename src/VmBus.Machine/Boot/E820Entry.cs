namespace VmBus.Machine.Boot;

/// <summary>What a range of guest addresses is; the values are the boot protocols'.</summary>
public enum E820Type
{
    /// <summary>RAM that the guest may use.</summary>
    Usable = 1,

    /// <summary>Not for use: firmware tables and holes.</summary>
    Reserved = 2,
}

/// <summary>One range of the memory map.</summary>
/// <param name="Start">First byte.</param>
/// <param name="Bytes">Length, at least 1.</param>
/// <param name="Type">What it is.</param>
public readonly record struct E820Entry(ulong Start, ulong Bytes, E820Type Type);
