namespace VmBus.Network.Links;

/// <summary>A link that another process has opened for this one, which cannot open it again by itself when its other end goes.</summary>
public interface IGivenLink : ILink
{
    /// <summary>Goes on with what was opened anew; it belongs to the link from now on. Any thread.</summary>
    /// <exception cref="LinkException">It cannot be used.</exception>
    void Renew(LinkDescriptors open);
}
