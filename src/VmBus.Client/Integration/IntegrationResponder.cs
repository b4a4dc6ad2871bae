using VmBus.Client.Channels;
using VmBus.Memory.Rings;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;

namespace VmBus.Client.Integration;

/// <summary>A guest's end of an integration channel: agrees on versions, and has each request answered where it lies, as Linux does.</summary>
/// <remarks>One thread. Nothing that a host sends throws. Source: protocol-spec/integration.md.</remarks>
public sealed class IntegrationResponder(IPacketChannel channel, IntegrationService service, IIntegrationGuest guest)
{
    private readonly byte[] _message = new byte[ChannelRings.UsualMaximumPacketBytes];

    /// <summary>The message version agreed on; null before that, and when none is spoken by both.</summary>
    public IntegrationVersion? Version { get; private set; }

    /// <summary>Packets that were no request of this service.</summary>
    public long Ignored { get; private set; }

    /// <summary>Answers what has come, and waits for more when nothing has.</summary>
    /// <returns>False when the channel is broken or gone: to be closed, and opened again if it is offered again.</returns>
    public bool Serve(TimeSpan timeout)
    {
        RingStatus status = Drain();
        if (status == RingStatus.Empty)
        {
            _ = channel.Wait(timeout);
            status = Drain();
        }

        if (status == RingStatus.Empty) return true;
        guest.Abandon();
        return false;
    }

    private RingStatus Drain()
    {
        RingStatus status;
        while ((status = channel.TryReceive(out RingPacket packet)) == RingStatus.Ok)
        {
            if (!TryAnswer(packet, out int bytes))
            {
                Ignored++;
                continue;
            }

            channel.Release();
            // A host that does not read its answers gets no more of them: it asks one thing at a time.
            if (channel.TrySend(PacketType.DataInband, [], _message.AsSpan(0, bytes), packet.Descriptor.TransactionId, 0) != RingStatus.Ok) Ignored++;
            channel.Flush();
        }

        channel.Release();
        return status;
    }

    private bool TryAnswer(in RingPacket packet, out int bytes)
    {
        bytes = 0;
        if (packet.Descriptor.Type != PacketType.DataInband || !IntegrationHeader.TryRead(packet.Payload, out IntegrationHeader header)) return false;
        bytes = IntegrationHeader.Size + header.BodyBytes;
        packet.Payload[..bytes].CopyTo(_message);
        Span<byte> body = _message.AsSpan(IntegrationHeader.Size, header.BodyBytes);
        IntegrationStatus status = IntegrationStatus.Success;
        if (header.Type == IntegrationMessageType.Negotiate)
        {
            if (Version is not null) guest.Abandon();
            if (!VersionNegotiation.TryAnswer(body, service, out _, out IntegrationVersion? version)) return false;
            Version = version;
        }
        else if (header.Type == service.Type && Version is { } version)
        {
            status = guest.Serve(version, body);
        }
        else
        {
            return false;
        }

        (header with { Status = status, Flags = IntegrationFlags.Transaction | IntegrationFlags.Response }).Write(_message);
        return true;
    }
}
