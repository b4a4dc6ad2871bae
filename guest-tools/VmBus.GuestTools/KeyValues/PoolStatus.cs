namespace VmBus.GuestTools.KeyValues;

/// <summary>What became of an operation on a pool.</summary>
internal enum PoolStatus
{
    /// <summary>It is done.</summary>
    Done,

    /// <summary>There is no such key.</summary>
    NoSuchKey,

    /// <summary>The key is empty, or the key or the value is too long for its field.</summary>
    DoesNotFit,

    /// <summary>The pool has <see cref="KvpPoolFile.MaximumItems"/> items.</summary>
    Full,

    /// <summary>Another program keeps the file to itself.</summary>
    Locked,
}
