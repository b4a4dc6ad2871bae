namespace VmBus.Protocol.Channel;

/// <summary>One row of the message table.</summary>
/// <param name="Number">The message type on the wire.</param>
/// <param name="Name">The name in the specification.</param>
/// <param name="Direction">Who sends it.</param>
/// <param name="Size">Bytes of the fixed part with the 8-byte header; a shorter message is refused, a longer one accepted.</param>
/// <param name="MinimumVersion">The first version that has it.</param>
/// <param name="Features">Features that must all be agreed on.</param>
/// <param name="Variant">
/// A longer form of the row with the same number before it. Where its version and features apply it replaces the plain form, unless
/// <paramref name="ChosenByLength"/> is set: then a shorter message is read as the plain form.
/// </param>
/// <param name="ChosenByLength">See <paramref name="Variant"/>.</param>
/// <param name="NeedsConnection">Refused while there is no connection.</param>
public sealed record MessageRow(
    uint Number,
    string Name,
    MessageDirection Direction,
    int Size,
    ProtocolVersion MinimumVersion,
    FeatureFlags Features = FeatureFlags.None,
    bool Variant = false,
    bool ChosenByLength = false,
    bool NeedsConnection = true);
