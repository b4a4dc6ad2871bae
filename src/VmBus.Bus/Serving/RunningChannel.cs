using VmBus.Bus.Devices;
using VmBus.Native.Linux;

namespace VmBus.Bus.Serving;

/// <summary>What the control lane keeps of a channel that is served, so that it can take it down again.</summary>
internal sealed record RunningChannel(IChannelDevice Device, ChannelPump Pump, EventFd Kick, uint ConnectionId);
