using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.DynamicMemory;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of dynamic-memory.md.</summary>
internal static class GuestMemoryChecks
{
    private const uint More = 1;

    public static IEnumerable<GuestCheck> All => [new("DM-9", Answers)];

    private static string Answers(GuestTrace trace)
    {
        int requests = 0, answered = 0;
        foreach (ChannelSession session in trace.Of(MemoryChecks.InterfaceType))
        {
            DynamicMemoryMessageType? asked = null;
            foreach (TracedPacket packet in session.Packets.Where(static packet => packet.Payload.Length >= DynamicMemoryHeader.Size))
            {
                var type = (DynamicMemoryMessageType)ReadUInt16LittleEndian(packet.Payload.Span);
                if (!packet.FromGuest)
                {
                    if (AnswerTo(type) is not { } answer) continue;
                    // More of an unballoon request follows by itself, and is answered once.
                    if (asked is null) requests++;
                    asked = answer;
                    continue;
                }

                if (type is not (DynamicMemoryMessageType.BalloonResponse or DynamicMemoryMessageType.UnballoonResponse or DynamicMemoryMessageType.HotAddResponse)) continue;
                Bench.Must(asked is not null || !session.Begins, $"The guest sent an answer of type {(int)type} on {session} to nothing that was asked.");
                Bench.Must(asked is null || type == asked, $"The guest answered with type {(int)type} on {session} where {(int?)asked} was due.");
                if (asked is null || (type == DynamicMemoryMessageType.BalloonResponse && (packet.Word(12) & More) != 0)) continue;
                asked = null;
                answered++;
            }
        }

        return answered > 0 ? $"{requests} requests, {answered} answered once, each with its kind." : throw new NotCoveredException("The host asked for no memory: set it meanwhile.");
    }

    private static DynamicMemoryMessageType? AnswerTo(DynamicMemoryMessageType request) => request switch
    {
        DynamicMemoryMessageType.BalloonRequest => DynamicMemoryMessageType.BalloonResponse,
        DynamicMemoryMessageType.UnballoonRequest => DynamicMemoryMessageType.UnballoonResponse,
        DynamicMemoryMessageType.HotAddRequest => DynamicMemoryMessageType.HotAddResponse,
        _ => null,
    };
}
