namespace VmBus.Virtio.VhostUser;

/// <summary>A front-end broke the protocol or asked for what is not offered: its session ends. The message goes on from "disconnected:".</summary>
internal sealed class FrontEndException(string message) : Exception(message);
