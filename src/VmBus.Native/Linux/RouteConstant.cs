namespace VmBus.Native.Linux;

/// <summary>The numbers of linux/rtnetlink.h, linux/if_link.h and linux/netlink.h that interfaces are asked and changed with, with the kernel's names.</summary>
internal static class RouteConstant
{
    public const int NETLINK_ROUTE = 0;
    public const uint RTMGRP_LINK = 1;
    public const ushort NLMSG_ERROR = 2;
    public const ushort NLM_F_REQUEST = 1;
    public const ushort NLM_F_ACK = 4;
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_SETLINK = 19;
    public const ushort IFLA_IFNAME = 3;
    public const ushort IFLA_MTU = 4;
    public const ushort IFLA_MASTER = 10;
    public const ushort IFLA_TXQLEN = 13;
    public const ushort IFLA_LINKINFO = 18;
    public const ushort IFLA_INFO_KIND = 1;
    public const uint IFF_UP = 1;
}
