using VmBus.Native.Linux;

namespace VmBus.Virtio.Remote;

/// <summary>A queue as a back-end is told of it.</summary>
/// <param name="Index">Which.</param>
/// <param name="Size">Entries.</param>
/// <param name="Base">Where it begins.</param>
/// <param name="Descriptors">Address of the descriptors in this process.</param>
/// <param name="Driver">Address of the part that the driver writes.</param>
/// <param name="Device">Address of the part that the device writes.</param>
/// <param name="Kick">Signalled for the device.</param>
/// <param name="Call">Signalled for the driver.</param>
internal readonly record struct RemoteQueue(int Index, int Size, uint Base, nint Descriptors, nint Driver, nint Device, EventFd Kick, EventFd Call);
