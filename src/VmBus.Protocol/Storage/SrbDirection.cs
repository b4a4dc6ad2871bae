namespace VmBus.Protocol.Storage;

/// <summary>The data direction field of a request block. Source: protocol-spec/storage.md#request-block.</summary>
public enum SrbDirection : byte
{
    /// <summary>Guest memory to device.</summary>
    Write = 0,

    /// <summary>Device to guest memory.</summary>
    Read = 1,

    /// <summary>No data, or a guest that does not say; a buffer that comes with it is for reading.</summary>
    Unknown = 2,
}
