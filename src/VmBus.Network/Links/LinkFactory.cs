using Microsoft.Extensions.Logging;
using VmBus.Network.Links.Passt;
using VmBus.Network.Links.Taps;

namespace VmBus.Network.Links;

/// <summary>Opens links that are the host kernel's or passt's; those to vhost-user back-ends are VmBus.Virtio's.</summary>
public static class LinkFactory
{
    /// <summary>Opens a link.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="logger">For what happens to the link later.</param>
    /// <exception cref="LinkException">It cannot be used; the message is one line that says why and what to do.</exception>
    public static ILink Open(NicOptions options, ILogger logger) => options.Kind switch
    {
        LinkKind.Tap => TapLink.Open(options, logger),
        LinkKind.Bridge => TapLink.Open(options, logger),
        LinkKind.User => PasstLink.Open(options, logger),
        LinkKind.VhostUser => throw new ArgumentOutOfRangeException(nameof(options), options.Kind, "A vhost-user link is opened by its front-end."),
    };
}
