namespace VmBus.GuestTools.KeyValues;

/// <summary>A key-value pair as this guest keeps it.</summary>
/// <param name="Key">Its name; UTF-8, at most 511 bytes.</param>
/// <param name="Value">Its value; UTF-8, at most 2047 bytes.</param>
internal readonly record struct KvpItem(string Key, string Value);
