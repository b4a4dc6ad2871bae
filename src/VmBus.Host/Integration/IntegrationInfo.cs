using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Host.Integration;

/// <summary>An integration service as a person sees it.</summary>
/// <param name="Service">Which one.</param>
/// <param name="Contact">How it stands with the guest.</param>
/// <param name="Version">The message version agreed on; null until then.</param>
public sealed record IntegrationInfo(IntegrationService Service, IntegrationContact Contact, IntegrationVersion? Version);

/// <summary>The addresses that the guest uses on one network adapter.</summary>
/// <param name="Nic">The adapter.</param>
/// <param name="Addresses">What the guest says; null when it does not use the adapter. Not to be trusted.</param>
public sealed record GuestAddresses(NicInfo Nic, KvpAddresses? Addresses);
