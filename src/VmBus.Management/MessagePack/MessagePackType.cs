namespace VmBus.Management.MessagePack;

/// <summary>What kind of value comes next.</summary>
public enum MessagePackType : byte
{
    /// <summary>The one code that the format does not use.</summary>
    Unknown,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>Nothing.</summary>
    Nil,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A number of 32 or 64 bits with a fraction.</summary>
    Float,

    /// <summary>UTF-8 text.</summary>
    String,

    /// <summary>Bytes.</summary>
    Binary,

    /// <summary>Values one after the other.</summary>
    Array,

    /// <summary>Keys, each with a value.</summary>
    Map,

    /// <summary>A type of an application's own.</summary>
    Extension,
}
