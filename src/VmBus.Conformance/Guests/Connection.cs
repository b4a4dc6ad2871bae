using VmBus.Protocol.Channel;

namespace VmBus.Conformance.Guests;

/// <summary>What guest and host posted from the guest's first contact to its next, or to the end of the trace.</summary>
/// <param name="Messages">In order, the contacts first.</param>
/// <param name="Version">The version that was agreed on; null when none was.</param>
internal sealed record Connection(IReadOnlyList<TracedMessage> Messages, ProtocolVersion? Version);
