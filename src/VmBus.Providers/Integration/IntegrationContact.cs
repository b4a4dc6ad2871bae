namespace VmBus.Providers.Integration;

/// <summary>How a service stands with the guest.</summary>
public enum IntegrationContact
{
    /// <summary>The guest has not opened the channel: it has no driver for the service, or is not that far yet.</summary>
    NoDriver,

    /// <summary>The driver is there and has not answered which version it speaks: it waits for its daemon, or is busy.</summary>
    Negotiating,

    /// <summary>Requests are answered.</summary>
    Ready,

    /// <summary>The driver speaks no version that the host does.</summary>
    Incompatible,
}
