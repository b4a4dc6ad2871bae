using System.Buffers.Binary;
using VmBus.Storage.Scsi.Reservations;

namespace VmBus.Storage.Scsi.Commands;

/// <summary>PERSISTENT RESERVE IN. Source: SPC-4, 6.15.</summary>
internal static class PersistentReserveIn
{
    private const int HeaderBytes = 8;
    private const int FullStatusBytes = 48;

    internal static void ReadKeys(ScsiTask task)
    {
        ReservationState state = task.Unit.Reservations.State;
        Span<byte> reply = task.Queue.Reply;
        int end = HeaderBytes;
        foreach (Registration registration in state.Registrations)
        {
            BinaryPrimitives.WriteUInt64BigEndian(reply[end..], registration.Key);
            end += sizeof(ulong);
        }

        Reply(task, state, reply[..end]);
    }

    internal static void ReadReservation(ScsiTask task)
    {
        ReservationState state = task.Unit.Reservations.State;
        Span<byte> reply = task.Queue.Reply.AsSpan(0, HeaderBytes + 16);
        reply.Clear();
        if (state.Type == ReservationType.None)
        {
            Reply(task, state, reply[..HeaderBytes]);
            return;
        }

        BinaryPrimitives.WriteUInt64BigEndian(reply[HeaderBytes..], state.Type.IsAllRegistrants() ? 0 : state.KeyOf(state.Holder) ?? 0);
        reply[HeaderBytes + 13] = (byte)state.Type;
        Reply(task, state, reply);
    }

    /// <summary>All types; no persistence through power loss, no registering for other initiators or all ports.</summary>
    internal static void ReportCapabilities(ScsiTask task)
    {
        ReadOnlySpan<byte> reply = [0, 8, 0x00, 0x80, 0xEA, 0x01, 0, 0];
        task.Reply(reply, task.Field16(7));
    }

    internal static void ReadFullStatus(ScsiTask task)
    {
        ReservationState state = task.Unit.Reservations.State;
        Span<byte> reply = task.Queue.Reply;
        int end = HeaderBytes;
        foreach (Registration registration in state.Registrations)
        {
            Span<byte> descriptor = reply.Slice(end, FullStatusBytes);
            descriptor.Clear();
            BinaryPrimitives.WriteUInt64BigEndian(descriptor, registration.Key);
            if (state.IsHolder(registration.Initiator))
            {
                descriptor[12] = 0x01;
                descriptor[13] = (byte)state.Type;
            }

            descriptor[19] = 1;
            descriptor[23] = 24;
            // TransportID in the SAS form: the only one that is a bare 64-bit number, which is what an initiator is here.
            descriptor[24] = 0x06;
            BinaryPrimitives.WriteUInt64BigEndian(descriptor[28..], registration.Initiator);
            end += FullStatusBytes;
        }

        Reply(task, state, reply[..end]);
    }

    private static void Reply(ScsiTask task, ReservationState state, Span<byte> reply)
    {
        BinaryPrimitives.WriteUInt32BigEndian(reply, state.Generation);
        BinaryPrimitives.WriteUInt32BigEndian(reply[4..], (uint)(reply.Length - HeaderBytes));
        task.Reply(reply, task.Field16(7));
    }
}
