using VmBus.Protocol.Integration;

namespace VmBus.Client.Integration;

/// <summary>What a guest does for one integration service. Called by one thread.</summary>
public interface IIntegrationGuest
{
    /// <summary>Does what a request asks for, and edits its body where it lies into the answer's.</summary>
    /// <param name="version">The message version agreed on.</param>
    /// <param name="body">The request's body, any bytes of any length.</param>
    IntegrationStatus Serve(IntegrationVersion version, Span<byte> body);

    /// <summary>The host begins anew, or is gone: what was on its way will not be finished.</summary>
    void Abandon();
}
