using VmBus.Protocol.HyperV;

namespace VmBus.Protocol.Channel;

/// <summary>INITIATE_CONTACT: the guest proposes a version and says where its messages go.</summary>
/// <param name="Version">The version proposed; any value may arrive.</param>
/// <param name="TargetProcessor">The virtual processor for messages, honoured from 3.0 on.</param>
/// <param name="TargetInfo">
/// Below 5.0 the address of the shared interrupt page. From 5.0: bits 0-7 the synthetic interrupt source, bits 8-15 the trust level (5.1),
/// bits 32-63 the features asked for (6.0).
/// </param>
/// <param name="ParentToChildMonitorPage">Guest physical address, or 0.</param>
/// <param name="ChildToParentMonitorPage">Guest physical address, or 0.</param>
/// <param name="ClientId">Who the client is, in the longer form of 6.0; else empty.</param>
/// <remarks>
/// [8) Version u32 · [12) TargetProcessor u32 · [16) TargetInfo u64 · [24) ParentToChildMonitorPage u64 · [32) ChildToParentMonitorPage u64 ·
/// [40) ClientId guid (longer form). Source: protocol-spec/channel-messages.md#layouts.
/// </remarks>
public readonly record struct InitiateContact(
    ProtocolVersion Version,
    uint TargetProcessor,
    ulong TargetInfo,
    ulong ParentToChildMonitorPage,
    ulong ChildToParentMonitorPage,
    Guid ClientId) : IServerBoundMessage<InitiateContact>
{
    /// <summary>Bytes on the wire without the client id.</summary>
    public const int Size = 40;

    /// <summary>Bytes on the wire with the client id.</summary>
    public const int ExtendedSize = 56;

    /// <inheritdoc/>
    public static ServerBoundType Type => ServerBoundType.InitiateContact;

    /// <summary>The synthetic interrupt source for messages: the guest's choice from 5.0 on, before that always 2.</summary>
    public int MessageInterrupt => Version >= ProtocolVersion.V5_0 ? (int)(TargetInfo & 0xFF) : SyntheticInterrupts.VmBus;

    /// <summary>The trust level for messages: the guest's choice from 5.1 on, before that 0.</summary>
    public int MessageTrustLevel => Version >= ProtocolVersion.V5_1 ? (int)((TargetInfo >> 8) & 0xFF) : 0;

    /// <summary>The features asked for: from 6.0 on, before that none.</summary>
    public FeatureFlags Features => Version >= ProtocolVersion.V6_0 ? (FeatureFlags)(TargetInfo >> 32) : FeatureFlags.None;

    /// <summary>Where messages go: the guest's choice from 3.0 on, before that processor 0.</summary>
    public uint MessageProcessor => Version >= ProtocolVersion.V3_0 ? TargetProcessor : 0;

    /// <inheritdoc/>
    public static bool TryRead(ReadOnlySpan<byte> message, out InitiateContact value)
    {
        var body = new MessageReader(message);
        value = new(
            new ProtocolVersion(body.UInt32()),
            body.UInt32(),
            body.UInt64(),
            body.UInt64(),
            body.UInt64(),
            message.Length >= ExtendedSize ? body.Guid() : Guid.Empty);
        return body.IsWhole;
    }

    /// <inheritdoc/>
    public int Write(Span<byte> destination)
    {
        MessageWriter body = new MessageWriter(destination, (uint)Type)
            .UInt32(Version.Value)
            .UInt32(TargetProcessor)
            .UInt64(TargetInfo)
            .UInt64(ParentToChildMonitorPage)
            .UInt64(ChildToParentMonitorPage);
        return Version < ProtocolVersion.V6_0 ? body.Length : body.Guid(ClientId).Length;
    }
}
