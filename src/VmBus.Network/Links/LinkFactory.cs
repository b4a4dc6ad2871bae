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

    /// <summary>Opens a link for whoever is to use it, here or in another process.</summary>
    /// <param name="options">What the operator said.</param>
    /// <param name="queues">Queues that are of use.</param>
    /// <exception cref="LinkException">It cannot be used; the message is one line that says why and what to do.</exception>
    public static LinkDescriptors OpenDescriptors(NicOptions options, int queues) => options.Kind switch
    {
        LinkKind.Tap => TapLink.OpenDescriptors(options, queues),
        LinkKind.Bridge => TapLink.OpenDescriptors(options, queues),
        LinkKind.User => PasstLink.OpenDescriptors(options),
        LinkKind.VhostUser => throw new LinkException(LinkProblem.BadOption, $"Network link '{options.Name}' is another process's, to which its front-end connects by itself: it cannot be opened for one."),
    };

    /// <summary>Uses a link that is open.</summary>
    /// <param name="open">It; it belongs to the link from now on, or is closed.</param>
    /// <param name="lost">Called, on any thread, when the other end has gone, and again from time to time until <see cref="IGivenLink.Renew"/>.</param>
    /// <param name="logger">For what happens to it later.</param>
    /// <exception cref="LinkException">It cannot be used.</exception>
    public static IGivenLink Use(LinkDescriptors open, Action lost, ILogger logger)
        => open.Options.Kind == LinkKind.User ? PasstLink.Use(open, lost, logger) : TapLink.Use(open, lost, logger);
}
