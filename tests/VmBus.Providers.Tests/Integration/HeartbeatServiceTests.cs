using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Beats every two seconds, and what is said of a guest that answers them or does not.</summary>
public sealed class HeartbeatServiceTests
{
    private readonly IntegrationGuest _guest = new(IntegrationServices.Heartbeat);
    private readonly HeartbeatService _heartbeat;

    public HeartbeatServiceTests()
    {
        _heartbeat = new HeartbeatService(_guest.Provider);
        _guest.Serve = Next;
    }

    [Fact]
    public void Guest_without_a_driver_has_no_contact()
        => Assert.Equal(new HeartbeatInfo(HeartbeatState.NoContact, ApplicationState.Unknown, 0, 0, null), _heartbeat.Describe());

    [Fact]
    public void Guest_that_answers_is_asked_again_two_seconds_later()
    {
        _guest.Open();
        for (int beats = 1; beats < 5; beats++)
        {
            Assert.Equal(beats, _guest.Requests.Count);
            Assert.Equal(new HeartbeatInfo(HeartbeatState.Ok, ApplicationState.Unknown, beats, 0, TimeSpan.Zero), _heartbeat.Describe());
            _guest.Advance(HeartbeatService.Period);
        }
    }

    [Fact]
    public void Applications_are_as_the_guest_says()
    {
        _guest.Serve = request =>
        {
            WriteUInt32LittleEndian(request.Packet.AsSpan(IntegrationHeader.Size + 8), (uint)ApplicationState.Critical);
            return Next(request);
        };
        _guest.Open();
        Assert.Equal(ApplicationState.Critical, _heartbeat.Describe().Applications);
    }

    [Fact]
    public void Beats_that_are_due_count_as_missed_until_the_guest_answers_again()
    {
        _guest.Open();
        _guest.Serve = null;
        _guest.Advance(HeartbeatService.Period);
        _guest.Advance(3 * HeartbeatService.Period);
        Assert.Equal((HeartbeatState.Ok, 1L, 3L), Counts());
        _guest.Answer(Incremented(_guest.Requests[^1]));
        Assert.Equal((HeartbeatState.Ok, 2L, 3L), Counts());
    }

    [Fact]
    public void Guest_that_does_not_answer_for_five_beats_is_lost_until_it_does()
    {
        _guest.Open();
        _guest.Serve = null;
        _guest.Advance(HeartbeatService.Period);
        _guest.Advance(HeartbeatService.LostAfter - TimeSpan.FromMilliseconds(1));
        Assert.Equal(HeartbeatState.Ok, _heartbeat.Describe().State);
        _guest.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((HeartbeatState.LostCommunication, 1L, 5L), Counts());
        _guest.Serve = Next;
        _guest.Advance(HeartbeatService.Period);
        Assert.Equal((HeartbeatState.Ok, 2L, 5L), Counts());
    }

    [Fact]
    public void Guest_that_answers_with_another_number_is_not_alive()
    {
        _guest.Open();
        _guest.Serve = static _ => IntegrationStatus.Success;
        for (int i = 0; i < 6; i++) _guest.Advance(HeartbeatService.Period);
        Assert.Equal((HeartbeatState.LostCommunication, 1L, 6L), Counts());
    }

    [Fact]
    public void Guest_whose_ring_is_full_is_asked_every_two_seconds_all_the_same()
    {
        _guest.Open();
        _guest.HasRoom = false;
        for (int i = 0; i < 6; i++) _guest.Advance(HeartbeatService.Period);
        Assert.Equal((HeartbeatState.LostCommunication, 1L, 6L), Counts());
        _guest.HasRoom = true;
        _guest.Advance(HeartbeatService.Period);
        Assert.Equal(HeartbeatState.Ok, _heartbeat.Describe().State);
    }

    [Fact]
    public void Closed_channel_beats_no_more_and_a_reopened_one_counts_anew()
    {
        _guest.Open();
        _guest.Advance(HeartbeatService.Period);
        _guest.Close();
        Assert.Equal((HeartbeatState.NoContact, 2L, 0L), Counts());
        _guest.Advance(TimeSpan.FromHours(1));
        Assert.Equal(2, _guest.Requests.Count);
        _guest.Reopen();
        Assert.Equal((HeartbeatState.Ok, 1L, 0L), Counts());
        _guest.Advance(HeartbeatService.Period);
        Assert.Equal(4, _guest.Requests.Count);
    }

    private static IntegrationStatus? Next(GuestRequest request)
    {
        Incremented(request);
        return IntegrationStatus.Success;
    }

    private static GuestRequest Incremented(GuestRequest request)
    {
        request.Packet[IntegrationHeader.Size]++;
        return request;
    }

    private (HeartbeatState State, long Answered, long Missed) Counts()
    {
        HeartbeatInfo info = _heartbeat.Describe();
        return (info.State, info.Answered, info.Missed);
    }
}
