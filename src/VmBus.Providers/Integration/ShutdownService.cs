using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>What a guest can be asked to do with itself.</summary>
public enum GuestShutdown
{
    /// <summary>End its programs and power off.</summary>
    PowerOff,

    /// <summary>End its programs and start again.</summary>
    Reboot,

    /// <summary>Save its memory to its own disk and power off.</summary>
    Hibernate,
}

/// <summary>Asks the guest to power off, reboot or hibernate. Any thread.</summary>
/// <remarks>Source: protocol-spec/integration.md#shutdown.</remarks>
public sealed class ShutdownService
{
    // The guest answers before it begins; one that is this late will not.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    private readonly IntegrationProvider _provider;

    /// <summary>The verbs of a provider of <see cref="IntegrationServices.Shutdown"/>.</summary>
    public ShutdownService(IntegrationProvider provider) => _provider = provider;

    /// <summary>Asks for it; ends when the guest has said that it will. What follows shows in the machine.</summary>
    /// <param name="action">What it is to do.</param>
    /// <param name="force">Without waiting for those who are logged in.</param>
    /// <param name="cancellation">Ends the wait; the guest may do it all the same.</param>
    /// <exception cref="IntegrationException">The guest cannot, does not want to, or does not answer.</exception>
    public async Task RequestAsync(GuestShutdown action, bool force, CancellationToken cancellation)
    {
        (ShutdownFlags flags, ushort minor, string what) = action switch
        {
            GuestShutdown.PowerOff => (ShutdownFlags.PowerOff, (ushort)0, "power off"),
            GuestShutdown.Reboot => (ShutdownFlags.Reboot, (ushort)1, "reboot"),
            GuestShutdown.Hibernate => (ShutdownFlags.Hibernate, (ushort)2, "hibernate"),
        };
        if (minor > 0 && _provider.Version is { } version && !version.IsAtLeast(3, minor))
            throw _provider.Failure(IntegrationProblem.BadRequest, $"the guest's driver speaks version {version}, which cannot {what} (3.{minor} can).");
        if (force) flags |= ShutdownFlags.Force;
        var message = new ShutdownMessage(ShutdownMessage.Planned, 0, flags);
        IntegrationStatus status = await _provider.RequestAsync(
            static _ => ShutdownMessage.Size,
            (body, _) =>
            {
                message.Write(body);
                return true;
            },
            AnswerLimit,
            cancellation).ConfigureAwait(false);
        if (status != IntegrationStatus.Success) throw _provider.Refusal(what, status);
    }
}
