using VmBus.Memory.Guest;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Scsi;

/// <summary>Units that come, go and grow, and what initiators are told of it.</summary>
public sealed class ScsiTargetTests : ScsiFixture
{
    private const string TestUnitReady = "00 00 00 00 00 00";
    private const string Read = "28 00 00 00 00 00 00 00 01 00";

    [Fact]
    public void First_command_is_not_met_by_a_unit_attention() => AssertGood(Guest.Send(TestUnitReady));

    [Fact]
    public void Add_refuses_taken_addresses_odd_sectors_and_odd_serials()
    {
        Use(new FakeDisk());
        Assert.Throws<ArgumentException>(() => Target.Add(default, Disk, Identity));
        var free = new ScsiAddress(0, 0, 1);
        Assert.Throws<ArgumentException>(() => Target.Add(free, new FakeDisk(sectorBytes: 520), Identity));
        Assert.Throws<ArgumentException>(() => Target.Add(free, new FakeDisk(sectorBytes: 4096), Identity with { Kind = ScsiUnitKind.Dvd }));
        Assert.Throws<ArgumentException>(() => Target.Add(free, new FakeDisk(), Identity with { Serial = "söd" }));
        Assert.Throws<ArgumentException>(() => Target.Add(free, new FakeDisk(), Identity with { Serial = new string('x', 33) }));
    }

    [Fact]
    public void Growth_is_told_once_to_each_initiator_and_then_seen()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        a.Send(TestUnitReady);
        b.Send(TestUnitReady);
        int changes = 0;
        Target.Changed += () => changes++;
        Target.RefreshGeometry();
        Assert.Equal(0, changes);
        Disk.GrowsTo = 2 << 20;
        Target.RefreshGeometry();
        Assert.Equal(1, changes);
        AssertGood(a.Send("12 00 00 00 24 00", 36), 36);
        AssertSense(a.Send(Read, 512), 6, 0x2A, 9);
        AssertGood(a.Send(Read, 512), 512);
        AssertSense(b.Send(TestUnitReady), 6, 0x2A, 9);
        AssertGood(b.Send("28 00 00 00 0F FF 00 00 01 00", 512), 512);
        AssertGood(a.Send("25 00 00 00 00 00 00 00 00 00", 8), 8);
        Assert.Equal("00000FFF00000200", Convert.ToHexString(a.Reply()));
    }

    [Fact]
    public void Attention_is_told_by_request_sense_too_and_then_gone()
    {
        Guest.Send(TestUnitReady);
        Disk.GrowsTo = 2 << 20;
        Target.RefreshGeometry();
        AssertGood(Guest.Send("03 00 00 00 FF 00", 252), 18);
        byte[] sense = Guest.Reply();
        Assert.Equal((0x70, 6, 0x2A, 9), (sense[0], sense[2], sense[12], sense[13]));
        AssertGood(Guest.Send("03 00 00 00 FF 00", 252), 18);
        Assert.Equal(0, Guest.Reply()[2]);
        AssertGood(Guest.Send(TestUnitReady));
        AssertSense(Guest.Send("03 01 00 00 FF 00", 252), 5, 0x24, 0);
    }

    [Fact]
    public void Two_channels_of_one_initiator_are_told_once()
    {
        Initiator other = Join(1);
        Initiator first = Guest;
        first.Send(TestUnitReady);
        other.Send(TestUnitReady);
        Disk.GrowsTo = 2 << 20;
        Target.RefreshGeometry();
        AssertSense(other.Send(TestUnitReady), 6, 0x2A, 9);
        AssertGood(first.Send(TestUnitReady));
    }

    [Fact]
    public void Remove_without_channels_drains_at_once()
    {
        Target.Add(default, Disk, Identity);
        bool drained = false;
        Assert.True(Target.Remove(default, () => drained = true));
        Assert.True(drained);
        Assert.False(Target.Remove(default, () => throw new InvalidOperationException()));
    }

    [Fact]
    public void Remove_drains_when_the_last_command_of_every_channel_has_ended()
    {
        Initiator a = Guest;
        Initiator b = Join(2);
        Disk.Late = true;
        TestRequest request = a.SendBeside(Read, 512);
        TestRequest other = b.SendBeside(Read, 512);
        int drained = 0;
        Assert.True(Target.Remove(default, () => drained++));
        b.Send(TestUnitReady);
        Assert.True(b.Request.NoSuchUnit);
        a.Turns.RunAll();
        b.Turns.RunAll();
        Assert.Equal((0, 2), (drained, Disk.OpenQueues));
        Disk.CompleteOne();
        Assert.Equal((0, 1), (drained, Disk.OpenQueues));
        Disk.CompleteAll();
        Assert.Equal((1, 0), (drained, Disk.OpenQueues));
        AssertGood(request, 512);
        AssertGood(other, 512);
    }

    [Fact]
    public void Remove_drains_when_an_idle_channel_hears_of_it_or_closes()
    {
        foreach (bool closes in new[] { false, true })
        {
            Initiator guest = new(Target);
            Target.Add(default, Disk, Identity);
            guest.Send(TestUnitReady);
            bool drained = false;
            Target.Remove(default, () => drained = true);
            Assert.False(drained);
            if (closes) guest.Queue.Dispose();
            else guest.Turns.RunAll();
            Assert.True(drained);
            guest.Dispose();
        }
    }

    [Fact]
    public void Unit_added_at_the_address_of_a_removed_one_is_reached_before_the_message_of_the_removal()
    {
        Guest.Send(TestUnitReady);
        var second = new FakeDisk(2 << 20);
        bool drained = false;
        Target.Remove(default, () => drained = true);
        Target.Add(default, second, Identity);
        AssertGood(Guest.Send("25 00 00 00 00 00 00 00 00 00", 8), 8);
        Assert.Equal("00000FFF00000200", Convert.ToHexString(Guest.Reply()));
        Assert.True(drained);
        Guest.Turns.RunAll();
        AssertGood(Guest.Send(Read, 512), 512);
        Assert.Equal((0, 1), (Disk.OpenQueues, second.OpenQueues));
    }

    [Fact]
    public void Unit_whose_disk_refuses_a_queue_is_not_ready()
    {
        Use(new FakeDisk { RefusesQueues = true });
        AssertGood(Guest.Send("12 00 00 00 24 00", 36), 36);
        AssertSense(Guest.Send(Read, 512), 2, 4, 0);
    }

    [Fact]
    public void Commands_of_disks_that_mean_nothing_are_refused()
    {
        foreach (string cdb in new[] { "4D 00 00 00 00 00 00 00 FF 00", "85 00", "A1 00", "24 00", "48 01", "8B 00", "46 00", "A3 0A", "A4 00", "FF 00" })
            AssertSense(Guest.Send(cdb, 512), 5, 0x20, 0);
    }

    [Fact]
    public void Start_stop_and_prevent_do_nothing_to_a_disk()
    {
        AssertGood(Guest.Send("1B 01 00 00 01 00"));
        AssertGood(Guest.Send("1B 00 00 00 00 00"));
        AssertGood(Guest.Send("1B 00 00 00 10 00"));
        AssertSense(Guest.Send("1B 00 00 00 02 00"), 5, 0x24, 0);
        AssertGood(Guest.Send("1E 00 00 00 01 00"));
        AssertGood(Guest.Send(TestUnitReady));
    }

    [Fact]
    public void Request_may_be_executed_again_from_its_own_completion()
    {
        using var list = new IoVectorList(1, 16);
        Disk.Late = true;
        Initiator guest = Guest;
        var request = new RepeatingRequest(list, guest.Queue);
        Convert.FromHexString("35000000000000000000").CopyTo(request.Cdb);
        guest.Queue.Execute(request);
        Disk.CompleteAll();
        Assert.Equal((10, 0), (request.Completions, guest.Queue.InFlight));
        Assert.Equal(10, Disk.Counts[DiskOperation.Flush]);
    }

    private sealed class RepeatingRequest(IoVectorList data, ScsiTargetQueue queue) : ScsiRequest(data)
    {
        internal int Completions { get; private set; }

        public override void Complete()
        {
            Assert.Equal(ScsiStatus.Good, Status);
            if (++Completions < 10) queue.Execute(this);
        }
    }
}
