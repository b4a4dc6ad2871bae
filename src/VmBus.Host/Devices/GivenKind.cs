namespace VmBus.Host.Devices;

/// <summary>What is given to a partition. Source: protocol-spec/given.md#kinds.</summary>
public enum GivenKind : byte
{
    /// <summary>/dev/kvm.</summary>
    Kvm = 1,

    /// <summary>A file, or a socket that listens, by its path.</summary>
    File = 2,

    /// <summary>A disk, by the words of <c>--disk</c>; the detail is its format.</summary>
    Disk = 3,

    /// <summary>A network adapter's link, by the words of <c>--nic</c>; the detail is <see cref="GivenHeader.Renewed"/> for one that takes the place of a link that was lost.</summary>
    Nic = 4,

    /// <summary>The listening socket at which more is given.</summary>
    Socket = 5,

    /// <summary>A disk that is not among the words of the command line.</summary>
    FurtherDisk = 6,

    /// <summary>A connection to a program that connects to sockets of the host, by the words of <c>vmbus connect</c>.</summary>
    Connector = 7,
}
