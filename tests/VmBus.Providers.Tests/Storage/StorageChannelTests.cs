using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>The life of channels: the offer, closing, sub-channels, notices of changed units.</summary>
public sealed class StorageChannelTests
{
    private static readonly ScsiIdentity Identity = new(ScsiUnitKind.Disk, "", Guid.Empty);

    [Fact]
    public void Offer_names_the_controller()
    {
        using var guest = new StorageGuest();

        Assert.Equal(new ChannelOffer(StorageInterface.Scsi, Guid.Parse("f8b3781a-1e82-4818-a1c3-63d806ec15bb")), guest.Provider.Offer);
    }

    [Fact]
    public void Idle_channel_closes_at_once()
    {
        using var guest = StorageGuest.Ready();
        guest.Endpoint.Close();

        Assert.True(guest.Channel.IsClosed);
    }

    [Fact]
    public void Channel_under_load_closes_when_every_command_has_been_answered()
    {
        using var guest = StorageGuest.Ready();
        for (ulong id = 1; id <= 8; id++) guest.SendRead(id);
        guest.Endpoint.Close();
        while (guest.Channel.Running.Count > 0)
        {
            Assert.False(guest.Channel.IsClosed);
            guest.Channel.EndOldest();
        }

        Assert.True(guest.Channel.IsClosed);
        Assert.Equal(8, guest.Channel.Sent.Count);
    }

    [Fact]
    public void Answers_that_waited_for_room_go_out_before_the_channel_closes()
    {
        using var guest = StorageGuest.Ready();
        guest.Channel.Room = 0;
        guest.Channel.OnExecute = static _ => { };
        guest.SendRead(1);
        guest.Channel.Room = 1;
        guest.Endpoint.Close();

        Assert.True(guest.Channel.IsClosed);
        Assert.Equal([1], guest.Channel.Sent.Select(p => p.TransactionId));
    }

    [Fact]
    public void Closing_channel_does_not_expect_completions()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { ExpectCompletionsAt = 1 });
        guest.SendRead(1);
        Assert.True(guest.Channel.ExpectsCompletions);
        guest.Endpoint.Close();

        Assert.False(guest.Channel.ExpectsCompletions);
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Controller_that_is_opened_again_starts_from_the_beginning()
    {
        using var guest = StorageGuest.Ready();
        guest.Endpoint.Close();
        guest.Reopen();

        Assert.Equal(StorageStatus.InvalidDeviceState, guest.Ask(VstorOperation.QueryProperties));
        guest.Handshake();
        guest.SendRead(1);
        guest.Channel.EndOldest();
        Assert.Equal(1, guest.Provider.Counters.OpenChannels);
    }

    [Fact]
    public void Subchannel_executes_and_answers_on_its_own()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);

        guest.SendRead(5, endpoint);
        channel.EndOldest();

        Assert.Equal(SrbStatus.Success, StorageGuest.Answer(channel, 5).Block.SrbStatus);
        Assert.Empty(guest.Channel.Sent);
    }

    [Theory]
    [InlineData(VstorOperation.BeginInitialization)]
    [InlineData(VstorOperation.QueryProtocolVersion)]
    [InlineData(VstorOperation.QueryProperties)]
    [InlineData(VstorOperation.EndInitialization)]
    [InlineData(VstorOperation.CreateSubchannels)]
    [InlineData(VstorOperation.ResetBus)]
    [InlineData(VstorOperation.ResetLun)]
    public void Subchannel_takes_nothing_but_commands(VstorOperation operation)
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);

        StorageGuest.Send(endpoint, StorageGuest.Packet(operation), 5);

        Assert.Equal(StorageStatus.InvalidDeviceRequest, StorageGuest.Answer(channel, 5).Status);
        Assert.Equal(StorageStatus.Success, guest.Ask(VstorOperation.QueryProperties));
    }

    [Fact]
    public void Subchannel_does_not_execute_before_the_handshake_has_ended()
    {
        using var guest = new StorageGuest();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);
        guest.SendRead(5, endpoint);

        Assert.Equal(StorageStatus.InvalidDeviceState, StorageGuest.Answer(channel, 5).Status);
    }

    [Fact]
    public void Changed_target_is_told_with_the_golden_notice()
    {
        using var guest = Started();
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();

        SentPacket notice = Assert.Single(guest.Channel.Sent);
        byte[] vector = SpecVector.Load("storage-enumerate-bus");
        Assert.True(PacketDescriptor.TryRead(vector, out PacketDescriptor descriptor));
        Assert.Equal((descriptor.Type, descriptor.TransactionId), (notice.Type, notice.TransactionId));
        Assert.Equal(vector[PacketDescriptor.Size..], notice.Payload);
        Assert.Equal(1, guest.Provider.Counters.Notices);
    }

    [Fact]
    public void Removed_unit_and_grown_disk_are_told_too()
    {
        using var guest = Started();
        var disk = new FakeDisk();
        guest.Target.Add(new ScsiAddress(0, 0, 3), disk, Identity);
        guest.Channel.RunPosted();
        disk.GrowsTo = 4 << 20;
        guest.Target.RefreshGeometry();
        guest.Channel.RunPosted();
        guest.Target.Remove(new ScsiAddress(0, 0, 3), static () => { });
        guest.Channel.RunPosted();

        Assert.Equal(3, guest.Channel.Sent.Count);
    }

    [Theory]
    [InlineData(VstorVersion.Win6, 0, 0)]
    [InlineData(VstorVersion.Win7, 1, 48)]
    [InlineData(VstorVersion.Win8, 1, 64)]
    public void Notice_is_what_the_version_has(VstorVersion version, int notices, int bytes)
    {
        using var guest = Started(version);
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();

        Assert.Equal(notices, guest.Channel.Sent.Count);
        Assert.All(guest.Channel.Sent, p => Assert.Equal(bytes, p.Payload.Length));
    }

    [Fact]
    public void Notice_waits_for_the_first_command()
    {
        using var guest = StorageGuest.Ready();
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();
        guest.Endpoint.EndBatch();
        Assert.Empty(guest.Channel.Sent);

        guest.SendRead(1);

        Assert.Equal((byte)VstorOperation.EnumerateBus, Assert.Single(guest.Channel.Sent).Payload[0]);
        guest.Channel.EndOldest();
    }

    [Fact]
    public void First_command_on_a_subchannel_lets_the_notice_out_on_the_primary()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();

        guest.SendRead(1, endpoint);
        guest.Channel.RunPosted();

        Assert.Equal((byte)VstorOperation.EnumerateBus, Assert.Single(guest.Channel.Sent).Payload[0]);
        Assert.Empty(channel.Sent);
        channel.EndOldest();
    }

    [Fact]
    public void Change_during_the_handshake_is_not_told()
    {
        using var guest = new StorageGuest();
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();
        guest.Handshake();
        guest.SendRead(1);
        guest.Channel.RunPosted();

        Assert.Empty(guest.Channel.Sent);
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Handshake_that_begins_again_makes_notices_wait_again()
    {
        using var guest = Started();
        guest.Handshake();
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Channel.RunPosted();

        Assert.Empty(guest.Channel.Sent);
    }

    [Fact]
    public void Notices_that_find_no_room_become_one()
    {
        using var guest = Started();
        guest.Channel.Room = 0;
        for (byte lun = 3; lun < 10; lun++) guest.Target.Add(new ScsiAddress(0, 0, lun), new FakeDisk(), Identity);
        guest.Channel.RunPosted();
        guest.Channel.Room = 10;
        guest.Endpoint.EndBatch();

        Assert.Single(guest.Channel.Sent);
    }

    [Fact]
    public void Closed_controller_is_told_nothing()
    {
        using var guest = Started();
        guest.Target.Add(new ScsiAddress(0, 0, 3), new FakeDisk(), Identity);
        guest.Endpoint.Close();
        guest.Channel.RunPosted();
        guest.Target.Add(new ScsiAddress(0, 0, 4), new FakeDisk(), Identity);

        Assert.Equal(0, guest.Channel.PostedCount);
        Assert.Empty(guest.Channel.Sent);
    }

    private static StorageGuest Started(VstorVersion version = VstorVersion.Win10)
    {
        StorageGuest guest = StorageGuest.Ready(version: version);
        guest.SendRead(1);
        guest.Channel.EndOldest();
        guest.Channel.RunPosted();
        guest.Channel.Sent.Clear();
        return guest;
    }
}
