using System.Diagnostics;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Client.Channels;

// The host's messages, and the one request that waits for an answer.
public sealed partial class VmBusClient
{
    private readonly HashSet<Awaited> _abandoned = [];
    private Awaited? _awaited;
    private ClientStatus _outcome;

    /// <summary>Handles one message of the host, a private copy of any length.</summary>
    public void Receive(ReadOnlySpan<byte> message)
    {
        if (message.Length < MessageTable.HeaderBytes)
        {
            Violate(ClientViolation.ShortMessage);
            return;
        }

        var type = (ClientBoundType)ReadUInt32LittleEndian(message);
        switch (type)
        {
            case ClientBoundType.OfferChannel when TryRead(message, out OfferChannel offer):
                Offered(offer);
                break;
            case ClientBoundType.RescindChannelOffer when TryRead(message, out RescindChannelOffer rescind):
                Rescinded(rescind.ChannelId);
                break;
            case ClientBoundType.AllOffersDelivered:
                Answered(new Awaited(type, 0, 0), ClientStatus.Ok);
                break;
            case ClientBoundType.OpenChannelResult when TryRead(message, out OpenChannelResult result):
                Answered(new Awaited(type, result.ChannelId, result.OpenId), result.Status);
                break;
            case ClientBoundType.GpadlCreated when TryRead(message, out GpadlCreated created):
                Answered(new Awaited(type, created.ChannelId, created.GpadlId), created.Status);
                break;
            case ClientBoundType.GpadlTorndown when TryRead(message, out GpadlTorndown torndown):
                Answered(new Awaited(type, 0, torndown.GpadlId), ClientStatus.Ok);
                break;
            case ClientBoundType.VersionResponse when TryRead(message, out VersionResponse response):
                VersionAnswered(response);
                break;
            case ClientBoundType.UnloadResponse:
                Answered(new Awaited(type, 0, 0), ClientStatus.Ok);
                break;
            case ClientBoundType.ModifyChannelResponse when TryRead(message, out ModifyChannelResponse modified):
                Answered(new Awaited(type, modified.ChannelId, 0), modified.Status);
                break;
            case ClientBoundType.OfferChannel or ClientBoundType.RescindChannelOffer or ClientBoundType.OpenChannelResult
                or ClientBoundType.GpadlCreated or ClientBoundType.GpadlTorndown or ClientBoundType.VersionResponse
                or ClientBoundType.ModifyChannelResponse:
                Violate(ClientViolation.ShortMessage);
                Fail(type);
                break;
            case ClientBoundType.CloseReservedChannelResponse or ClientBoundType.TlConnectResult or ClientBoundType.ModifyConnectionResponse
                or ClientBoundType.PauseResponse:
                // The client never asks for these.
                Violate(ClientViolation.Unasked);
                break;
            default:
                Violate(ClientViolation.UnknownMessage);
                break;
        }
    }

    private static bool TryRead<T>(ReadOnlySpan<byte> message, out T value)
        where T : struct, IClientBoundMessage<T>
        => T.TryRead(message, out value);

    private ClientStatus Ask<T>(in T request, ReadOnlySpan<byte> rest, in Awaited awaited)
        where T : struct, IServerBoundMessage<T>
    {
        _awaited = awaited;
        ClientStatus posted = Post(request, rest);
        return posted == ClientStatus.Ok ? WaitForAnswer() : Abandon(posted);
    }

    private ClientStatus WaitForAnswer()
    {
        long started = Stopwatch.GetTimestamp();
        while (_awaited is { } awaited)
        {
            TimeSpan left = _options.AnswerTimeout - Stopwatch.GetElapsedTime(started);
            if (left > TimeSpan.Zero && Pump(left)) continue;
            // The answer may still come, and is none that nobody asked for then.
            _abandoned.Add(awaited);
            return Abandon(ClientStatus.TimedOut);
        }

        return _outcome;
    }

    private ClientStatus Abandon(ClientStatus status)
    {
        _awaited = null;
        return status;
    }

    private void Answered(in Awaited answer, NtStatus status)
    {
        if (_awaited == answer) HostStatus = status;
        Answered(answer, status == NtStatus.Success ? ClientStatus.Ok : ClientStatus.Refused);
    }

    private void Answered(in Awaited answer, ClientStatus outcome)
    {
        if (_awaited == answer)
        {
            _awaited = null;
            _outcome = outcome;
        }
        else if (!_abandoned.Remove(answer))
        {
            Violate(_awaited?.Type == answer.Type ? ClientViolation.WrongAnswer : ClientViolation.Unasked);
            Fail(answer.Type);
        }
    }

    // An answer that cannot be used is the only one that comes: whoever waits for it is told at once.
    private void Fail(ClientBoundType type)
    {
        if (_awaited?.Type != type) return;
        _awaited = null;
        _outcome = ClientStatus.Violation;
    }

    private void VersionAnswered(in VersionResponse response)
    {
        if (_awaited?.Type != ClientBoundType.VersionResponse)
        {
            Answered(new Awaited(ClientBoundType.VersionResponse, 0, 0), ClientStatus.Ok);
            return;
        }

        Response = response;
        (ProtocolVersion version, FeatureFlags features) = _proposed;
        bool supported = response.Supported != 0;
        FeatureFlags granted = response.Features ?? FeatureFlags.None;
        bool sound = !supported || version >= ProtocolVersion.V5_0
            ? (granted & ~features) == 0
            : response.VersionOrConnectionId == version.Value;
        if (supported && version >= ProtocolVersion.V5_0)
            sound &= response.VersionOrConnectionId is > 0 and <= ConnectionIds.Maximum;
        if (!sound)
        {
            Violate(ClientViolation.WrongVersion);
            Fail(ClientBoundType.VersionResponse);
            return;
        }

        if (supported)
        {
            Version = version;
            Features = granted;
            _messageConnection = version >= ProtocolVersion.V5_0 ? response.VersionOrConnectionId : ConnectionIds.Message;
        }

        Answered(new Awaited(ClientBoundType.VersionResponse, 0, 0), supported ? ClientStatus.Ok : ClientStatus.Refused);
    }

    // What an answer names: the channel where it has one, and the open or the GPADL.
    private readonly record struct Awaited(ClientBoundType Type, uint ChannelId, uint Id);
}
