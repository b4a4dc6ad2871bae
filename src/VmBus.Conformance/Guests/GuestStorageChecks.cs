using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Guests;

/// <summary>The guest's rules of storage.md.</summary>
internal static class GuestStorageChecks
{
    public static IEnumerable<GuestCheck> All =>
    [
        new("ST-25", Handshake), new("ST-26", Transactions), new("ST-27", static trace => GuestChannelChecks.ClosingOrder(trace, StorageInterface.Scsi)),
    ];

    private static string Handshake(GuestTrace trace)
    {
        int handshakes = 0;
        foreach (ChannelSession session in trace.Of(StorageInterface.Scsi).Where(static session => session is { Begins: true, SubchannelIndex: 0 }))
        {
            bool begun = false, ended = false;
            foreach (TracedPacket packet in session.Packets.Where(static packet => packet.FromGuest && packet.Descriptor.Type != PacketType.Completion))
            {
                var operation = (VstorOperation)packet.Word(0);
                if (!begun) Bench.Must(operation == VstorOperation.BeginInitialization, $"The guest began with operation {(uint)operation} on {session}.");
                begun = true;
                if (operation == VstorOperation.ExecuteSrb) Bench.Must(ended, $"The guest sent a command on {session} before EndInitialization.");
                ended |= operation == VstorOperation.EndInitialization;
            }

            if (ended) handshakes++;
        }

        return handshakes > 0
            ? $"{handshakes} handshakes from BeginInitialization to EndInitialization, and no command before."
            : throw new NotCoveredException("The guest opened no storage controller while it was traced: reboot it meanwhile.");
    }

    private static string Transactions(GuestTrace trace)
    {
        int requests = 0, most = 0;
        foreach (ChannelSession session in trace.Of(StorageInterface.Scsi))
        {
            var open = new HashSet<ulong>();
            foreach (TracedPacket packet in session.Packets)
            {
                ulong id = packet.Descriptor.TransactionId;
                if (packet is { FromGuest: false, Descriptor.Type: PacketType.Completion }) open.Remove(id);
                if (!packet.FromGuest || !packet.Descriptor.WantsCompletion) continue;
                Bench.Must(id != 0, $"The guest asked for an answer to transaction 0 on {session}.");
                Bench.Must(open.Add(id), $"The guest used transaction {id:x} on {session} again while it was under way.");
                requests++;
                most = Math.Max(most, open.Count);
            }
        }

        return requests > 0 ? $"{requests} requests, up to {most} under way on a channel, none with the id of another." : throw new NotCoveredException("The guest asked nothing of a storage controller.");
    }
}
