using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>A sync at the start and when it is asked for, samples every five seconds, in every version, of the moment when they are sent.</summary>
public sealed class TimeSyncServiceTests : IGuestClock
{
    private static readonly DateTime Now = new(2024, 2, 29, 12, 0, 0, DateTimeKind.Utc);

    private readonly IntegrationGuest _guest = new(IntegrationServices.TimeSync) { Serve = static _ => IntegrationStatus.Success };
    private readonly TimeSyncService _time;
    private ulong _reference = 1000;
    private bool _isGone;

    public TimeSyncServiceTests() => _time = new TimeSyncService(_guest.Provider, this);

    bool IGuestClock.TryRead(out DateTime utc, out ulong reference)
    {
        (utc, reference) = (Now, _reference);
        return !_isGone;
    }

    [Fact]
    public void First_message_sets_the_clock_and_samples_follow_every_five_seconds()
    {
        _guest.Open();
        _reference = 2000;
        _guest.Advance(TimeSyncService.Period - TimeSpan.FromMilliseconds(1));
        Assert.Single(_guest.Requests);
        _guest.Advance(TimeSpan.FromMilliseconds(1));
        _guest.Advance(TimeSyncService.Period);
        Assert.Equal([(1, 1000ul), (2, 2000ul), (2, 2000ul)], _guest.Requests.Select(static request => ((int)request.Body[16], ReadUInt64LittleEndian(request.Body[8..]))));
        Assert.All(_guest.Requests, static request => Assert.Equal((ulong)Now.ToFileTimeUtc(), ReadUInt64LittleEndian(request.Body)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Old_versions_have_the_kind_further_back_and_no_reference(ushort major)
    {
        _guest.Version = new IntegrationVersion(major, 0);
        _guest.Open();
        GuestRequest request = Assert.Single(_guest.Requests);
        Assert.Equal((28, 1, 0ul), (request.Body.Length, (int)request.Body[24], ReadUInt64LittleEndian(request.Body[8..])));
    }

    [Fact]
    public void Sync_that_nobody_answers_is_sent_again()
    {
        _guest.Serve = null;
        _guest.Open();
        _guest.Advance(TimeSpan.FromSeconds(10));
        _guest.Advance(TimeSyncService.Period);
        Assert.Equal([1, 1], _guest.Requests.Select(static request => (int)request.Body[16]));
    }

    [Fact]
    public void Sync_that_is_asked_for_goes_between_the_samples()
    {
        _guest.Open();
        _guest.Complete(_time.SynchronizeAsync(CancellationToken.None));
        _guest.Advance(TimeSyncService.Period);
        Assert.Equal([1, 1, 2], _guest.Requests.Select(static request => (int)request.Body[16]));
    }

    [Fact]
    public void Guest_that_does_not_set_its_clock_is_told_of()
    {
        _guest.Open();
        _guest.Serve = static _ => IntegrationStatus.Fail;
        _guest.Fails(_time.SynchronizeAsync(CancellationToken.None), IntegrationProblem.Refused);
    }

    [Fact]
    public void Machine_that_is_gone_has_no_time()
    {
        _guest.Open();
        _isGone = true;
        _guest.Fails(_time.SynchronizeAsync(CancellationToken.None), IntegrationProblem.NotReady);
        Assert.Single(_guest.Requests);
    }

    [Fact]
    public void Closed_channel_hears_no_more_and_a_reopened_one_begins_with_a_sync()
    {
        _guest.Open();
        _guest.Close();
        _guest.Advance(TimeSpan.FromHours(1));
        _guest.Reopen();
        Assert.Equal([1, 1], _guest.Requests.Select(static request => (int)request.Body[16]));
    }
}
