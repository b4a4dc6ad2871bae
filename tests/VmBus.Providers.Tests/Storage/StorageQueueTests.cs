using System.Diagnostics;
using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.TestKit;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>Many commands at once: bounds, back-pressure in both directions, signals that may be skipped, allocation.</summary>
public sealed class StorageQueueTests
{
    [Fact]
    public void Requests_beyond_the_queue_wait_in_the_ring_until_one_ends()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { QueueDepth = 4 });
        for (ulong id = 1; id <= 4; id++) Assert.Equal(PacketVerdict.Taken, guest.SendRead(id));

        Assert.Equal(PacketVerdict.Busy, guest.SendRead(5));
        Assert.Equal(PacketVerdict.Busy, StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(VstorOperation.QueryProperties), 6));
        Assert.Equal(0, guest.Channel.Resumed);
        guest.Channel.EndOldest();

        Assert.Equal(1, guest.Channel.Resumed);
        Assert.Equal(PacketVerdict.Taken, guest.SendRead(5));
        Assert.Equal(2, guest.Provider.Counters.QueueFull);
        while (guest.Channel.Running.Count > 0) guest.Channel.EndOldest();
        Assert.Equal([1, 2, 3, 4, 5], guest.Channel.Sent.Select(p => p.TransactionId));
    }

    [Fact]
    public void Resume_is_asked_for_only_when_a_packet_waits()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { QueueDepth = 2 });
        guest.SendRead(1);
        guest.SendRead(2);
        guest.Channel.EndOldest();
        guest.Channel.EndOldest();

        Assert.Equal(0, guest.Channel.Resumed);
    }

    [Fact]
    public void Answers_wait_in_order_while_the_guest_makes_no_room()
    {
        using var guest = StorageGuest.Ready();
        for (ulong id = 1; id <= 5; id++) guest.SendRead(id);
        guest.Channel.Room = 1;
        for (int i = 0; i < 5; i++) guest.Channel.EndOldest();
        Assert.Equal([1], guest.Channel.Sent.Select(p => p.TransactionId));

        guest.Channel.Room = 2;
        guest.Endpoint.EndBatch();
        Assert.Equal([1, 2, 3], guest.Channel.Sent.Select(p => p.TransactionId));
        guest.SendRead(6);
        guest.Channel.EndOldest();
        guest.Channel.Room = 10;
        guest.Endpoint.EndBatch();

        Assert.Equal([1, 2, 3, 4, 5, 6], guest.Channel.Sent.Select(p => p.TransactionId));
        Assert.All(guest.Channel.Sent, p => Assert.Equal((byte)SrbStatus.Success, p.Payload[14]));
    }

    [Fact]
    public void Guest_that_makes_no_room_stalls_itself()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { QueueDepth = 8 });
        guest.Channel.Room = 0;
        guest.Channel.OnExecute = static _ => { };
        ulong id = 1;
        while (guest.SendRead(id) == PacketVerdict.Taken) id++;

        Assert.Equal(9ul, id);
        guest.Channel.Room = 3;
        guest.Endpoint.EndBatch();

        Assert.True(guest.Channel.Resumed > 0);
        Assert.Equal([1, 2, 3], guest.Channel.Sent.Select(p => p.TransactionId));
        guest.Channel.Room = 100;
        guest.SendRead(id);
        guest.Endpoint.EndBatch();
        Assert.Equal(Enumerable.Range(1, 9).Select(i => (ulong)i), guest.Channel.Sent.Select(p => p.TransactionId));
    }

    [Fact]
    public void Every_request_of_the_handshake_waits_for_room_too()
    {
        using var guest = new StorageGuest();
        guest.Channel.Room = 0;
        StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(VstorOperation.BeginInitialization), StorageGuest.HandshakeId);
        Assert.Empty(guest.Channel.Sent);

        guest.Channel.Room = 1;
        guest.Endpoint.EndBatch();

        Assert.Equal(StorageStatus.Success, StorageGuest.Answer(guest.Channel, StorageGuest.HandshakeId).Status);
    }

    [Fact]
    public void Command_that_ends_later_has_the_bus_look_at_the_ring()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        int before = guest.Channel.Touched;

        guest.Channel.EndOldest();

        Assert.Equal(before + 1, guest.Channel.Touched);
    }

    [Fact]
    public void Signals_may_be_skipped_while_enough_transfers_are_in_flight()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { ExpectCompletionsAt = 2 });
        guest.SendRead(1);
        Assert.False(guest.Channel.ExpectsCompletions);
        guest.SendRead(2);
        Assert.True(guest.Channel.ExpectsCompletions);

        guest.Channel.EndOldest();

        Assert.False(guest.Channel.ExpectsCompletions);
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Nothing_waits_unseen_behind_a_command_that_may_take_long()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { ExpectCompletionsAt = 1 });
        guest.SendRead(1);
        Assert.True(guest.Channel.ExpectsCompletions);

        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x35), 2); // SYNCHRONIZE CACHE
        Assert.False(guest.Channel.ExpectsCompletions);
        guest.Channel.End(guest.Channel.Running[1]);
        Assert.True(guest.Channel.ExpectsCompletions);
        guest.Channel.EndOldest();

        Assert.False(guest.Channel.ExpectsCompletions);
    }

    [Fact]
    public void Nothing_waits_unseen_behind_another_unit()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { ExpectCompletionsAt = 1 });
        guest.SendRead(1);
        Assert.True(guest.Channel.ExpectsCompletions);
        byte[] other = StorageGuest.Command(0x28, 512, SrbDirection.Read, lun: 1);
        StorageGuest.Send(guest.Endpoint, other, 2, PacketType.DataUsingGpaDirect, StorageGuest.Range(512, 0, 16));

        Assert.False(guest.Channel.ExpectsCompletions);
        guest.Channel.EndOldest();
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Steady_stream_of_commands_allocates_nothing()
    {
        using var guest = StorageGuest.Ready();
        guest.Channel.Record = false;
        byte[] packet = StorageGuest.Command(0x28, 64 << 10, SrbDirection.Read);
        byte[] ranges = StorageGuest.Range(64 << 10, 0, [.. Enumerable.Range(0, 16).Select(i => (ulong)(i * 2))]);
        Run(100);

        Assert.Equal(0, Allocations.LeastOf(() => Run(1000)));

        void Run(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                for (ulong id = 1; id <= 8; id++) StorageGuest.Deliver(guest.Endpoint, packet, id, PacketType.DataUsingGpaDirect, ranges);
                guest.Endpoint.EndBatch();
                while (guest.Channel.Running.Count > 0) guest.Channel.EndOldest();
            }
        }
    }

    [Fact]
    public void Counters_say_what_was_done()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        guest.Channel.EndOldest();
        byte[] write = StorageGuest.Command(0x2A, 512, SrbDirection.Write);
        StorageGuest.Send(guest.Endpoint, write, 2, PacketType.DataUsingGpaDirect, StorageGuest.Range(512, 0, 16));
        guest.Channel.EndOldest();
        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00, 512), 3);
        guest.SendRead(4);
        guest.Channel.Running[0].Status = VmBus.Storage.Scsi.ScsiStatus.CheckCondition;
        guest.Channel.End(guest.Channel.Running[0]);
        guest.SendRead(5);

        StorageCounters open = guest.Provider.Counters;
        guest.Channel.EndOldest();
        guest.Endpoint.Close();
        StorageCounters closed = guest.Provider.Counters;

        Assert.Equal(
            new StorageCounters
            {
                Commands = 4,
                FailedCommands = 1,
                RefusedRequests = 1,
                BytesRead = 4096,
                BytesWritten = 512,
                InFlight = 1,
                Ended = 3,
                OpenChannels = 1,
            },
            open with { EndedSum = default });
        Assert.Equal(open with { BytesRead = 8192, Ended = 4, EndedSum = closed.EndedSum, InFlight = 0, OpenChannels = 0 }, closed);
    }

    [Fact]
    public void Time_of_a_command_is_counted_when_it_has_ended()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        guest.SendRead(2);
        Assert.Equal(TimeSpan.Zero, guest.Provider.Counters.EndedSum);
        var running = Stopwatch.StartNew();
        Assert.False(SpinWait.SpinUntil(static () => false, TimeSpan.FromMilliseconds(20)));
        TimeSpan least = running.Elapsed;
        guest.Channel.EndOldest();
        StorageCounters one = guest.Provider.Counters;
        Assert.Equal(1, one.Ended);
        Assert.True(one.EndedSum >= least, $"{one.EndedSum}");
        guest.Channel.EndOldest();
        Assert.True(guest.Provider.Counters.EndedSum >= 2 * least);
    }
}
