using VmBus.Bus.Devices;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>A reset drains: every command ends and is answered, on every channel, before the reset is; what comes meanwhile waits.</summary>
public sealed class StorageResetTests
{
    [Theory]
    [InlineData(VstorOperation.ResetBus)]
    [InlineData(VstorOperation.ResetAdapter)]
    [InlineData(VstorOperation.ResetLun)]
    public void Reset_of_an_idle_controller_is_answered(VstorOperation operation)
    {
        using var guest = StorageGuest.Ready();
        SendReset(guest, operation);
        guest.Channel.RunPosted();

        Assert.Equal(StorageStatus.Success, StorageGuest.Answer(guest.Channel, StorageGuest.ResetId).Status);
        Assert.Equal(1, guest.Channel.TargetResets);
        Assert.Equal(1, guest.Provider.Counters.Resets);
    }

    [Fact]
    public void Reset_under_load_is_answered_after_every_command()
    {
        using var guest = StorageGuest.Ready();
        for (ulong id = 1; id <= 20; id++) guest.SendRead(id);
        SendReset(guest);

        while (guest.Channel.Running.Count > 0)
        {
            guest.Channel.RunPosted();
            Assert.DoesNotContain(guest.Channel.Sent, p => p.TransactionId == StorageGuest.ResetId);
            guest.Channel.EndOldest();
        }

        guest.Channel.RunPosted();
        Assert.Equal([.. Enumerable.Range(1, 20).Select(i => (ulong)i), StorageGuest.ResetId], guest.Channel.Sent.Select(p => p.TransactionId));
    }

    [Fact]
    public void Requests_that_come_during_a_reset_wait_and_are_taken_after_it()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        SendReset(guest);
        Assert.Equal(PacketVerdict.Busy, guest.SendRead(2));
        Assert.Equal(PacketVerdict.Busy, StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(VstorOperation.ResetBus), 3));

        guest.Channel.EndOldest();
        Assert.Equal(0, guest.Channel.Resumed);
        guest.Channel.RunPosted();

        Assert.Equal(1, guest.Channel.Resumed);
        StorageGuest.Answer(guest.Channel, StorageGuest.ResetId);
        Assert.Equal(PacketVerdict.Taken, guest.SendRead(2));
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Reset_waits_for_answers_that_found_no_room()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        guest.Channel.Room = 0;
        guest.Channel.EndOldest();
        SendReset(guest);
        guest.Channel.RunPosted();
        Assert.Empty(guest.Channel.Sent);
        Assert.Equal(0, guest.Channel.TargetResets);

        guest.Channel.Room = 2;
        guest.Endpoint.EndBatch();
        guest.Channel.RunPosted();

        Assert.Equal([1, StorageGuest.ResetId], guest.Channel.Sent.Select(p => p.TransactionId));
    }

    [Fact]
    public void Reset_waits_for_the_commands_of_every_channel()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);
        guest.SendRead(1, endpoint);
        SendReset(guest);
        guest.Channel.RunPosted();
        channel.RunPosted();
        Assert.Equal(PacketVerdict.Busy, guest.SendRead(2, endpoint));
        Assert.Empty(guest.Channel.Sent);

        channel.EndOldest();
        guest.Channel.RunPosted();

        StorageGuest.Answer(guest.Channel, StorageGuest.ResetId);
        Assert.Equal(0, channel.Resumed);
        channel.RunPosted();
        Assert.Equal(1, channel.Resumed);
        Assert.Equal(PacketVerdict.Taken, guest.SendRead(2, endpoint));
        channel.EndOldest();
    }

    [Fact]
    public void Commands_of_another_lane_that_start_before_it_hears_of_the_reset_are_waited_for()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);
        SendReset(guest);
        guest.SendRead(1, endpoint);
        channel.RunPosted();
        guest.Channel.RunPosted();
        Assert.Empty(guest.Channel.Sent);

        channel.EndOldest();
        guest.Channel.RunPosted();

        StorageGuest.Answer(guest.Channel, StorageGuest.ResetId);
    }

    [Fact]
    public void Channel_that_closes_during_a_reset_counts_as_quiet()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint first, ScriptedChannel firstChannel) = guest.Open(primary: false);
        (StorageEndpoint second, ScriptedChannel secondChannel) = guest.Open(primary: false);
        guest.SendRead(1, first);
        SendReset(guest);
        firstChannel.RunPosted();
        first.Close();
        second.Close(); // Before it hears of the reset.
        secondChannel.RunPosted();
        guest.Channel.RunPosted();
        Assert.Empty(guest.Channel.Sent);

        firstChannel.EndOldest();
        Assert.True(firstChannel.IsClosed);
        guest.Channel.RunPosted();

        StorageGuest.Answer(guest.Channel, StorageGuest.ResetId);
    }

    [Fact]
    public void Primary_that_closes_during_a_reset_lets_the_others_go_on()
    {
        using var guest = StorageGuest.Ready();
        (StorageEndpoint endpoint, ScriptedChannel channel) = guest.Open(primary: false);
        guest.SendRead(1, endpoint);
        SendReset(guest);
        channel.RunPosted();
        Assert.Equal(PacketVerdict.Busy, guest.SendRead(2, endpoint));
        guest.Endpoint.Close();
        Assert.True(guest.Channel.IsClosed);

        channel.EndOldest();
        guest.Channel.RunPosted();
        channel.RunPosted();

        Assert.Equal(1, channel.Resumed);
        Assert.Equal(0, guest.Channel.TargetResets);
    }

    [Fact]
    public void Resets_one_after_the_other_are_all_answered()
    {
        using var guest = StorageGuest.Ready(new StorageOptions { QueueDepth = 2 });
        for (int i = 0; i < 10; i++)
        {
            guest.SendRead(1);
            SendReset(guest);
            guest.Channel.EndOldest();
            guest.Channel.RunPosted();
            StorageGuest.Answer(guest.Channel, StorageGuest.ResetId);
            StorageGuest.Answer(guest.Channel, 1);
        }
    }

    private static void SendReset(StorageGuest guest, VstorOperation operation = VstorOperation.ResetBus)
        => Assert.Equal(PacketVerdict.Taken, StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(operation), StorageGuest.ResetId));
}
