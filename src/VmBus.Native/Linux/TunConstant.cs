namespace VmBus.Native.Linux;

/// <summary>The numbers of linux/if_tun.h, linux/if.h and linux/filter.h that TAPs are driven with, with the kernel's names.</summary>
internal static class TunConstant
{
    public const uint TUNSETIFF = 0x400454ca;
    public const uint TUNSETOFFLOAD = 0x400454d0;
    public const uint TUNGETIFF = 0x800454d2;
    public const uint TUNATTACHFILTER = 0x401054d5;
    public const uint TUNDETACHFILTER = 0x401054d6;
    public const uint TUNSETVNETHDRSZ = 0x400454d8;
    public const uint TUNSETQUEUE = 0x400454d9;
    public const uint TUNSETVNETLE = 0x400454dc;

    public const ushort IFF_TAP = 0x0002;
    public const ushort IFF_MULTI_QUEUE = 0x0100;
    public const ushort IFF_ATTACH_QUEUE = 0x0200;
    public const ushort IFF_DETACH_QUEUE = 0x0400;
    public const ushort IFF_NO_PI = 0x1000;
    public const ushort IFF_VNET_HDR = 0x4000;

    public const uint TUN_F_CSUM = 0x01;
    public const uint TUN_F_TSO4 = 0x02;
    public const uint TUN_F_TSO6 = 0x04;
    public const uint TUN_F_TSO_ECN = 0x08;

    public const int IFNAMSIZ = 16;

    // Since Linux 6.2, so newer than some headers.
    internal const uint TunUdp4 = 0x20;
    internal const uint TunUdp6 = 0x40;

    // sizeof(struct ifreq).
    internal const int InterfaceRequestBytes = 40;
}
