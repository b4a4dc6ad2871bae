using VmBus.Conformance.Running;
using VmBus.Protocol.Integration;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of integration.md.</summary>
internal static class GuestIntegrationChecks
{
    private const int VersionsOffset = IntegrationHeader.Size + 8;
    private const int VersionBytes = 4;
    private const string NoAnswers = "The guest answered no integration service.";

    public static IEnumerable<GuestCheck> All => [new("IC-12", Answers), new("IC-13", Versions), new("IC-14", Unasked)];

    private static string Answers(GuestTrace trace)
    {
        int answers = 0;
        foreach ((ChannelSession session, TracedPacket request, TracedPacket answer) in Pairs(trace))
        {
            answers++;
            Bench.Must(answer.Descriptor.TotalBytes == request.Descriptor.TotalBytes, $"An answer on {session} has {answer.Descriptor.TotalBytes} bytes, its request {request.Descriptor.TotalBytes}.");
            Bench.Must(
                IntegrationHeader.TryRead(answer.Payload.Span, out IntegrationHeader said) && IntegrationHeader.TryRead(request.Payload.Span, out IntegrationHeader asked) && said.Transaction == asked.Transaction,
                $"An answer on {session} is of another transaction than its request, or no message.");
            _ = IntegrationHeader.TryRead(answer.Payload.Span, out said);
            Bench.Must((said.Flags & IntegrationFlags.Response) != 0, $"An answer on {session} has the flags {(int)said.Flags}.");
        }

        return answers > 0 ? $"{answers} answers, each as long as its request and with its transaction." : throw new NotCoveredException(NoAnswers);
    }

    private static string Versions(GuestTrace trace)
    {
        int negotiations = 0, refused = 0;
        foreach ((ChannelSession session, TracedPacket request, TracedPacket answer) in Pairs(trace))
        {
            if (!IntegrationHeader.TryRead(request.Payload.Span, out IntegrationHeader asked) || asked.Type != IntegrationMessageType.Negotiate) continue;
            negotiations++;
            (uint[] frameworks, uint[] messages) = Lists(request, session);
            (uint[] framework, uint[] message) = Lists(answer, session);
            if (framework.Length == 0 || message.Length == 0)
            {
                refused++;
                continue;
            }

            Bench.Must(framework.Length == 1 && message.Length == 1, $"An answer on {session} chooses {framework.Length} frameworks and {message.Length} message versions.");
            Bench.Must(frameworks.Contains(framework[0]), $"The guest chose framework {Text(framework[0])} on {session}, which the host had not named.");
            Bench.Must(messages.Contains(message[0]), $"The guest chose message version {Text(message[0])} on {session}, which the host had not named.");
        }

        return negotiations > 0 ? $"{negotiations} negotiations: {negotiations - refused} chose from the host's list, {refused} refused." : throw new NotCoveredException("No service negotiated while it was traced: reboot the guest meanwhile.");
    }

    private static string Unasked(GuestTrace trace)
    {
        int answers = Pairs(trace).Count();
        return answers > 0 ? $"{answers} packets of the guest, each after a request." : throw new NotCoveredException(NoAnswers);
    }

    // One request is on its way at a time, so the next packet of the guest is its answer.
    private static IEnumerable<(ChannelSession Session, TracedPacket Request, TracedPacket Answer)> Pairs(GuestTrace trace)
    {
        foreach (ChannelSession session in trace.Sessions.Where(static session => IntegrationServices.All.Any(service => service.InterfaceType == session.InterfaceType)))
        {
            TracedPacket? request = null;
            bool any = false;
            foreach (TracedPacket packet in session.Packets)
            {
                if (!packet.FromGuest)
                {
                    (request, any) = (packet, true);
                }
                else if (request is not null)
                {
                    yield return (session, request, packet);
                    request = null;
                }
                else if (any || session.Begins)
                {
                    throw new RuleBrokenException($"The guest sent a packet on {session} that nothing asked for.");
                }
            }
        }
    }

    private static (uint[] Frameworks, uint[] Messages) Lists(TracedPacket packet, ChannelSession session)
    {
        ReadOnlySpan<byte> payload = packet.Payload.Span;
        Bench.Must(payload.Length >= VersionsOffset, $"A negotiation on {session} is too short.");
        int frameworks = ReadUInt16LittleEndian(payload[IntegrationHeader.Size..]), messages = ReadUInt16LittleEndian(payload[(IntegrationHeader.Size + sizeof(ushort))..]);
        Bench.Must(payload.Length >= VersionsOffset + ((frameworks + messages) * VersionBytes) || frameworks == 0 || messages == 0, $"A negotiation on {session} names more versions than it has.");
        if (frameworks == 0 || messages == 0) return ([], []);
        uint[] versions = new uint[frameworks + messages];
        for (int i = 0; i < versions.Length; i++) versions[i] = ReadUInt32LittleEndian(payload[(VersionsOffset + (i * VersionBytes))..]);
        return (versions[..frameworks], versions[frameworks..]);
    }

    private static string Text(uint version) => $"{version & ushort.MaxValue}.{version >> 16}";
}
