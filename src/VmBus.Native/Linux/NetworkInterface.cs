namespace VmBus.Native.Linux;

/// <summary>What the kernel tells about a network interface of this network namespace.</summary>
/// <param name="Index">Its number, never used twice.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsUp">Whether the administrator has it up (IFF_UP).</param>
/// <param name="Mtu">Longest packet without the Ethernet header.</param>
/// <param name="Master">The index of the bridge or switch that it is a port of; 0 for none.</param>
/// <param name="QueueFrames">Frames that wait in it at most.</param>
/// <param name="Kind">What it is, such as <c>bridge</c> or <c>tun</c>; empty for hardware.</param>
public sealed record NetworkInterface(int Index, string Name, bool IsUp, int Mtu, int Master, int QueueFrames, string Kind);
