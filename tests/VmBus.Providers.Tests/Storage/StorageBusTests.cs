using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using VmBus.TestKit;
using VmBus.TestKit.Bus;
using VmBus.TestKit.Disks;
using VmBus.TestKit.Rings;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>The controller behind a real bus, with real rings, lanes and SCSI target: what a guest sees of all of it together.</summary>
public sealed class StorageBusTests : IDisposable
{
    private const int BlockBytes = 512;
    // One lane, so that a test can end the disk's operations where the channel runs.
    private FakeGuest _guest = new(laneCount: 1);
    private readonly FakeDisk _disk = new();
    private readonly ScsiTarget _target = new();
    private StorageProvider _provider;
    private PageRun _buffer;
    private OfferChannel _offer;

    public StorageBusTests()
    {
        _target.Add(new ScsiAddress(0, 0, 0), _disk, new ScsiIdentity(ScsiUnitKind.Disk, "", Guid.NewGuid()));
        // Tests that hold the disk back want all their requests there; so the guest is always asked for its signals but in one test.
        _provider = MakeProvider(expectCompletionsAt: int.MaxValue);
        _buffer = _guest.AllocatePages(64);
    }

    public void Dispose()
    {
        // A test that failed may have left commands at the disk, and the bus waits for them.
        foreach (VmBus.Lanes.Lane lane in _guest.Lanes.Take(1))
        {
            lane.Invoke(() => _disk.Late = false);
            lane.Invoke(_disk.CompleteAll);
        }

        _guest.Dispose();
    }

    [Fact]
    public void Data_goes_to_the_disk_and_comes_back()
    {
        GuestChannel channel = Start();
        var data = new byte[8192];
        new Random(1).NextBytes(data);
        Assert.True(_guest.Memory.TryWrite(Gpa.FromPage(_buffer.FirstPage), data));

        Assert.Equal((SrbStatus.Success, 8192u), Transfer(channel, write: true, block: 16, bytes: 8192, page: 0));
        Assert.Equal((SrbStatus.Success, 8192u), Transfer(channel, write: false, block: 16, bytes: 8192, page: 4));

        Assert.Equal(data, _disk.Content[8192..16384]);
        var read = new byte[8192];
        Assert.True(_guest.Memory.TryRead(Gpa.FromPage(_buffer.FirstPage + 4), read));
        Assert.Equal(data, read);
    }

    [Fact]
    public void Absent_unit_is_told_by_its_own_code()
    {
        GuestChannel channel = Start();
        channel.Send(StorageGuest.Command(0x00, lun: 7), 1);

        Assert.Equal(SrbStatus.InvalidLun, Block(channel.Receive(), 1).SrbStatus);
    }

    [Fact]
    public void Unknown_command_is_told_by_sense_data()
    {
        GuestChannel channel = Start();
        channel.Send(StorageGuest.Command(0xFF), 1);
        ReceivedPacket answer = channel.Receive();

        Assert.Equal((SrbStatus.Error | SrbStatus.AutosenseValid, (byte)2, (byte)18), Outcome(Block(answer, 1)));
        Assert.Equal([0x70, 0x05, 0x20], new[] { answer.Payload[28], answer.Payload[30], answer.Payload[40] });

        static (SrbStatus, byte, byte) Outcome(ScsiRequestBlock block) => (block.SrbStatus, block.ScsiStatus, block.SenseBytes);
    }

    [Fact]
    public void Subchannels_are_offered_and_execute_on_their_own_lanes()
    {
        _guest.Dispose();
        _guest = new FakeGuest(laneCount: 3);
        _buffer = _guest.AllocatePages(64);
        GuestChannel primary = Start();
        Assert.Equal(StorageStatus.Success, Ask(primary, VstorOperation.CreateSubchannels, 3));
        GuestChannel[] channels = [primary, .. Enumerable.Range(0, 3).Select(i => _guest.Open(_guest.TakeOffer(), processor: (uint)i + 1))];
        Assert.Equal([0, 1, 2, 3], channels.Select(c => (int)c.Offer.SubchannelIndex));

        for (int round = 0; round < 50; round++)
        {
            foreach (GuestChannel channel in channels) SendRead(channel, (ulong)round + 1);
            foreach (GuestChannel channel in channels) Assert.Equal(SrbStatus.Success, Block(channel.Receive(), (ulong)round + 1).SrbStatus);
        }

        Assert.Equal((200, 4), (_provider.Counters.BytesRead / BlockBytes, _provider.Counters.OpenChannels));
    }

    [Fact]
    public void Guest_that_does_not_read_gets_every_answer_once_when_it_does()
    {
        GuestChannel channel = Start(pagesPerRing: 2);
        ulong sent = 0;
        // Answers fill their ring, then the queue fills, then the requests' own ring.
        while (true)
        {
            if (channel.Ring.Writer.TryWrite(PacketType.DataInband, [], StorageGuest.Command(0x00), sent + 1, 1) == VmBus.Memory.Rings.RingStatus.Ok)
            {
                sent++;
                if (channel.Ring.Writer.Commit()) channel.Kick();
                continue;
            }

            bool hostWaits = channel.Ring.Inbound.ReadControl().PendingSendSize != 0;
            if (hostWaits && _provider.Counters.QueueFull > 0 && channel.Ring.Writer.WaitForSpace(88)) break;
            Thread.Yield();
        }

        channel.Ring.Writer.StopWaitingForSpace();
        Assert.True(sent > 256);
        for (ulong id = 1; id <= sent; id++) Assert.Equal(id, channel.Receive().Descriptor.TransactionId);
    }

    [Fact]
    public void Reset_is_answered_when_the_disk_has_ended_every_command()
    {
        GuestChannel channel = Start();
        OnLane(() => _disk.Late = true);
        for (ulong id = 1; id <= 10; id++) SendRead(channel, id);
        channel.Send(StorageGuest.Packet(VstorOperation.ResetBus), StorageGuest.ResetId);
        SendRead(channel, 11);
        WaitUntil(() => _disk.LateCount == 10 && _provider.Counters.Resets == 1);
        OnLane(() => _disk.Late = false);
        OnLane(_disk.CompleteAll);

        for (ulong id = 1; id <= 10; id++) Assert.Equal(SrbStatus.Success, Block(channel.Receive(), id).SrbStatus);
        Assert.Equal(StorageGuest.ResetId, channel.Receive().Descriptor.TransactionId);
        // The command that waited finds the unit attention of the reset.
        Assert.Equal(2, Block(channel.Receive(), 11).ScsiStatus);
    }

    [Fact]
    public void Added_unit_is_told_and_answers()
    {
        GuestChannel channel = Start();
        channel.Send(StorageGuest.Command(0x00), 1);
        Block(channel.Receive(), 1);
        _target.Add(new ScsiAddress(0, 0, 5), new FakeDisk(), new ScsiIdentity(ScsiUnitKind.Disk, "", Guid.NewGuid()));
        ReceivedPacket notice = channel.Receive();

        Assert.Equal((PacketType.DataInband, 0ul), (notice.Descriptor.Type, notice.Descriptor.TransactionId));
        Assert.Equal((byte)VstorOperation.EnumerateBus, notice.Payload[0]);
        channel.Send(StorageGuest.Command(0x12, lun: 5), 2);
        Assert.NotEqual(SrbStatus.InvalidLun, Block(channel.Receive(), 2).SrbStatus);
    }

    [Fact]
    public void Controller_can_be_closed_under_load_and_opened_again()
    {
        GuestChannel channel = Start();
        OnLane(() => _disk.Late = true);
        for (ulong id = 1; id <= 10; id++) SendRead(channel, id);
        WaitUntil(() => _disk.LateCount == 10);
        _guest.Post(new CloseChannel(channel.Id));
        OnLane(() => _disk.Late = false);
        OnLane(_disk.CompleteAll);
        _guest.Teardown(channel.Id, channel.GpadlId);
        WaitUntil(() => _provider.Counters.OpenChannels == 0);
        Assert.Equal(0, _disk.OpenQueues);

        channel = Handshake(_guest.Open(_offer));
        Assert.Equal((SrbStatus.Success, 512u), Transfer(channel, write: false, block: 0, bytes: 512, page: 0));
    }

    [Fact]
    public void Controller_that_is_taken_away_under_load_answers_everything_first()
    {
        GuestChannel channel = Start();
        OnLane(() => _disk.Late = true);
        for (ulong id = 1; id <= 10; id++) SendRead(channel, id);
        WaitUntil(() => _disk.LateCount == 10);
        var removal = new Thread(() => _guest.Server.Remove(_provider));
        removal.Start();
        OnLane(() => _disk.Late = false);
        OnLane(_disk.CompleteAll);
        removal.Join();

        for (ulong id = 1; id <= 10; id++) Assert.Equal(SrbStatus.Success, Block(channel.Receive(), id).SrbStatus);
        Assert.Equal((0, 0), (_provider.Counters.OpenChannels, _disk.OpenQueues));
    }

    [Fact]
    public void Steady_stream_of_commands_allocates_nothing_on_the_lane()
    {
        GuestChannel channel = Start();
        Run();
        // What asking itself costs is known from asking twice.
        Assert.Equal(Allocations.LeastOf(Allocated, () => { }), Allocations.LeastOf(Allocated, Run));

        void Run()
        {
            for (ulong id = 1; id <= 2000; id++)
            {
                SendRead(channel, id);
                Block(channel.Receive(), id);
            }
        }

        long Allocated()
        {
            long bytes = 0;
            OnLane(() => bytes = GC.GetAllocatedBytesForCurrentThread());
            return bytes;
        }
    }

    [Fact]
    public void No_request_is_lost_while_the_guest_may_skip_its_signals()
    {
        const ulong Requests = 3000;
        _provider = MakeProvider(expectCompletionsAt: 2);
        GuestChannel channel = Start();
        OnLane(() => _disk.Late = true);
        ulong sent = 0;
        ulong answered = 0;
        while (answered < Requests)
        {
            while (sent < Requests && sent - answered < 16) SendRead(channel, ++sent);
            WaitUntil(() => _disk.LateCount > 0);
            OnLane(_disk.CompleteAll);
            Assert.Equal(SrbStatus.Success, Block(channel.Receive(), ++answered).SrbStatus);
            while (channel.Ring.Receive() is { } answer) Assert.Equal(SrbStatus.Success, Block(answer, ++answered).SrbStatus);
        }

        OnLane(() => _disk.Late = false);
        // In every round some requests found the host looking already.
        Assert.True(_guest.Server.Describe().Single().Kicks < (long)Requests);
    }

    private StorageProvider MakeProvider(int expectCompletionsAt) => new(
        _target, Guid.NewGuid(), StorageOptions.ForProcessors(4) with { ExpectCompletionsAt = expectCompletionsAt }, NullLogger.Instance);

    private GuestChannel Start(int pagesPerRing = 33)
    {
        _guest.Server.Offer(_provider);
        _offer = Assert.Single(_guest.Connect());
        Assert.Equal(StorageInterface.Scsi, _offer.InterfaceType);
        return Handshake(_guest.Open(_offer, pagesPerRing: pagesPerRing));
    }

    private static GuestChannel Handshake(GuestChannel channel)
    {
        Assert.Equal(StorageStatus.Success, Ask(channel, VstorOperation.BeginInitialization));
        Assert.Equal(StorageStatus.Success, Ask(channel, VstorOperation.QueryProtocolVersion, (ushort)VstorVersion.Win10));
        Assert.Equal(StorageStatus.Success, Ask(channel, VstorOperation.QueryProperties));
        Assert.Equal(StorageStatus.Success, Ask(channel, VstorOperation.EndInitialization));
        // A new initiator finds the power-on unit attention with its first command.
        channel.Send(StorageGuest.Command(0x00), 1);
        Block(channel.Receive(), 1);
        return channel;
    }

    private static StorageStatus Ask(GuestChannel channel, VstorOperation operation, ushort argument = 0)
    {
        channel.Send(StorageGuest.Packet(operation, argument), StorageGuest.HandshakeId);
        ReceivedPacket answer = channel.Receive();
        Assert.Equal((PacketType.Completion, StorageGuest.HandshakeId), (answer.Descriptor.Type, answer.Descriptor.TransactionId));
        Assert.True(VstorHeader.TryRead(answer.Payload, out VstorHeader header));
        Assert.Equal(VstorOperation.CompleteIo, header.Operation);
        return header.Status;
    }

    private (SrbStatus Status, uint Bytes) Transfer(GuestChannel channel, bool write, int block, int bytes, int page)
    {
        Send(channel, 99, write, block, bytes, page);
        ScsiRequestBlock answer = Block(channel.Receive(), 99);
        return (answer.SrbStatus, answer.TransferBytes);
    }

    private void SendRead(GuestChannel channel, ulong id) => Send(channel, id, write: false, block: 0, bytes: BlockBytes, page: 0);

    private void Send(GuestChannel channel, ulong id, bool write, int block, int bytes, int page)
    {
        byte[] packet = StorageGuest.Command((byte)(write ? 0x2A : 0x28), (uint)bytes, write ? SrbDirection.Write : SrbDirection.Read);
        packet[12 + 16 + 5] = (byte)block;
        packet[12 + 16 + 8] = (byte)(bytes / BlockBytes);
        ulong[] pages = [.. Enumerable.Range(page, (bytes + 4095) / 4096).Select(i => _buffer.FirstPage + (ulong)i)];
        channel.Send(PacketType.DataUsingGpaDirect, StorageGuest.Range((uint)bytes, 0, pages), packet, id);
    }

    private static ScsiRequestBlock Block(ReceivedPacket answer, ulong id)
    {
        Assert.Equal((PacketType.Completion, id), (answer.Descriptor.Type, answer.Descriptor.TransactionId));
        Assert.True(ScsiRequestBlock.TryRead(answer.Payload.AsSpan(VstorHeader.Size), out ScsiRequestBlock block));
        return block;
    }

    private void OnLane(Action work) => Assert.Single(_guest.Lanes).Invoke(work);

    private static void WaitUntil(Func<bool> condition)
    {
        long end = Environment.TickCount64 + (long)FakeGuest.Patience.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > end) throw new TimeoutException("The condition did not come true.");
            Thread.Yield();
        }
    }
}
