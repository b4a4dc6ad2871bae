namespace VmBus.Protocol.DynamicMemory;

/// <summary>What a guest's driver can do. Source: protocol-spec/dynamic-memory.md#capabilities.</summary>
[Flags]
public enum DynamicMemoryCapabilities : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Give pages and take them back.</summary>
    Balloon = 1,

    /// <summary>Use memory that comes while it runs.</summary>
    HotAdd = 2,
}
