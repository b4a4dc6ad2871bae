using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Versions and transactions of every integration channel, with guests that answer well, badly, late, twice and never.</summary>
public sealed class IntegrationEndpointTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(9);

    public static TheoryData<string> ServiceNames => [.. IntegrationServices.All.Select(static service => service.Name)];

    [Theory]
    [MemberData(nameof(ServiceNames))]
    public void Every_version_that_is_offered_can_be_chosen(string name)
    {
        IntegrationService service = IntegrationServices.All.Single(candidate => candidate.Name == name);
        foreach (IntegrationVersion version in service.Versions)
        {
            var guest = new IntegrationGuest(service) { Version = version };
            Assert.Equal((IntegrationContact.NoDriver, null), (guest.Provider.Contact, guest.Provider.Version));
            guest.Open();
            Assert.Equal((IntegrationContact.Ready, version), (guest.Provider.Contact, guest.Provider.Version));
        }
    }

    [Fact]
    public void Negotiation_carries_no_version_of_its_own_and_everything_that_the_host_speaks()
    {
        IntegrationGuest guest = Guest();
        guest.Negotiates = false;
        guest.Open();
        GuestRequest request = Assert.Single(guest.Negotiations);
        Assert.Equal((default, default), (request.Header.Framework, request.Header.Version));
        byte[] expected = new byte[VersionNegotiation.RequestBytes(guest.Provider.Service)];
        VersionNegotiation.WriteRequest(expected, guest.Provider.Service);
        Assert.Equal(expected, request.Body);
    }

    [Fact]
    public void Guest_without_a_common_version_is_not_asked_anything()
    {
        IntegrationGuest guest = Guest();
        guest.Version = null;
        guest.Open();
        Assert.Equal(IntegrationContact.Incompatible, guest.Provider.Contact);
        guest.Fails(Ask(guest), IntegrationProblem.NotReady);
        Assert.Empty(guest.Requests);
    }

    [Fact]
    public void Version_that_was_not_offered_is_none()
    {
        IntegrationGuest guest = Guest();
        guest.Version = new IntegrationVersion(9, 9);
        guest.Open();
        Assert.Equal(IntegrationContact.Incompatible, guest.Provider.Contact);
    }

    [Fact]
    public void Negotiation_answer_without_versions_in_it_is_none()
    {
        IntegrationGuest guest = Guest();
        guest.Negotiates = false;
        guest.Open();
        GuestRequest request = guest.Negotiations[0];
        WriteUInt32LittleEndian(request.Packet.AsSpan(4), 20);
        guest.Answer(request);
        Assert.Equal(IntegrationContact.Incompatible, guest.Provider.Contact);
    }

    [Fact]
    public void Driver_that_waits_for_its_daemon_may_answer_after_days()
    {
        IntegrationGuest guest = Guest();
        guest.Negotiates = false;
        guest.Open();
        guest.Advance(TimeSpan.FromDays(3));
        Assert.Equal(IntegrationContact.Negotiating, guest.Provider.Contact);
        guest.Fails(Ask(guest), IntegrationProblem.NotReady);
        guest.Negotiate(guest.Negotiations[0]);
        Assert.Equal(IntegrationContact.Ready, guest.Provider.Contact);
    }

    [Fact]
    public void Second_request_waits_for_the_first_answer()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> first = Ask(guest);
        Task<IntegrationStatus> second = Ask(guest);
        guest.RunLane();
        guest.Answer(Assert.Single(guest.Requests), IntegrationStatus.MachineLocked);
        Assert.Equal(IntegrationStatus.MachineLocked, guest.Complete(first));
        guest.WaitForRequests(2);
        guest.Answer(guest.Requests[1], IntegrationStatus.DiskFull);
        Assert.Equal(IntegrationStatus.DiskFull, guest.Complete(second));
    }

    [Fact]
    public void Silent_guest_is_waited_for_until_the_limit_and_its_late_answer_is_nobody_elses()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> first = Ask(guest);
        guest.RunLane();
        guest.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(first.IsCompleted);
        guest.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Contains("9 s", guest.Fails(first, IntegrationProblem.NoAnswer).Message, StringComparison.Ordinal);
        Task<IntegrationStatus> second = Ask(guest);
        guest.RunLane();
        guest.Answer(guest.Requests[0], IntegrationStatus.Fail);
        guest.Answer(guest.Requests[1]);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(second));
        Assert.Equal(0, guest.Clock.RunningTimers);
    }

    [Fact]
    public void Answer_that_comes_twice_counts_once()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> first = Ask(guest);
        guest.RunLane();
        guest.Answer(guest.Requests[0]);
        guest.Answer(guest.Requests[0], IntegrationStatus.Fail);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(first));
    }

    [Theory]
    [InlineData(12, 9)]     // another type
    [InlineData(24, 0)]     // no number
    [InlineData(24, 200)]   // another number
    public void Answer_to_something_else_is_dropped(int offset, byte value)
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> request = Ask(guest);
        guest.RunLane();
        byte right = guest.Requests[0].Packet[offset];
        guest.Requests[0].Packet[offset] = value;
        guest.Answer(guest.Requests[0], IntegrationStatus.Fail);
        guest.Requests[0].Packet[offset] = right;
        guest.Answer(guest.Requests[0]);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(request));
    }

    [Fact]
    public void Request_that_comes_back_unanswered_is_dropped()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> request = Ask(guest);
        guest.RunLane();
        guest.Send(guest.Requests[0].Packet, guest.Requests[0].Id);
        guest.Requests[0].Packet[25] = 5;
        guest.Send(guest.Requests[0].Packet, guest.Requests[0].Id, PacketType.Completion);
        guest.Answer(guest.Requests[0], IntegrationStatus.MachineLocked);
        Assert.Equal(IntegrationStatus.MachineLocked, guest.Complete(request));
    }

    [Fact]
    public void Daemon_that_numbers_its_packets_with_all_ones_is_understood()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> request = Ask(guest);
        guest.RunLane();
        guest.Answer(guest.Requests[0], id: ulong.MaxValue);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(request));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(27)]
    public void Answer_that_is_cut_ends_its_request_at_once(int length)
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> request = Ask(guest);
        guest.RunLane();
        guest.Send(guest.Requests[0].Packet[..(length / 8 * 8)], guest.Requests[0].Id);
        guest.Fails(request, IntegrationProblem.BadAnswer);
        Task<IntegrationStatus> next = Ask(guest);
        guest.RunLane();
        guest.Answer(guest.Requests[1]);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(next));
    }

    [Fact]
    public void Close_fails_what_was_asked_and_what_waits_and_a_reopened_channel_negotiates_anew()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> asked = Ask(guest);
        Task<IntegrationStatus> waiting = Ask(guest);
        guest.RunLane();
        Task<IntegrationStatus> posted = Ask(guest);
        guest.Close();
        guest.RunLane();
        guest.Fails(asked, IntegrationProblem.Closed);
        guest.Fails(waiting, IntegrationProblem.Closed);
        guest.Fails(posted, IntegrationProblem.Closed);
        Assert.Equal((1, 0, IntegrationContact.NoDriver), (guest.Closes, guest.Clock.RunningTimers, guest.Provider.Contact));
        guest.Fails(Ask(guest), IntegrationProblem.NotReady);
        guest.Version = new IntegrationVersion(3, 0);
        guest.Reopen();
        Assert.Equal(2, guest.Negotiations.Count);
        Assert.Equal(new IntegrationVersion(3, 0), guest.Provider.Version);
    }

    [Fact]
    public void Guest_that_does_not_empty_its_ring_has_not_answered()
    {
        IntegrationGuest guest = Guest().Open();
        guest.HasRoom = false;
        guest.Fails(Ask(guest), IntegrationProblem.NoAnswer);
        Assert.Equal(0, guest.Clock.RunningTimers);
    }

    [Fact]
    public void Requests_that_wait_are_limited()
    {
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus>[] asked = [.. Enumerable.Range(0, IntegrationEndpoint.MaximumWaiting + 2).Select(_ => Ask(guest))];
        guest.RunLane();
        guest.Fails(asked[^1], IntegrationProblem.Busy);
        Assert.All(asked[..^1], static task => Assert.False(task.IsCompleted));
    }

    [Fact]
    public async Task Request_that_is_given_up_lets_the_next_one_go()
    {
        IntegrationGuest guest = Guest().Open();
        using var cancellation = new CancellationTokenSource();
        Task<IntegrationStatus> first = Ask(guest, cancellation.Token);
        Task<IntegrationStatus> waiting = Ask(guest, cancellation.Token);
        Task<IntegrationStatus> second = Ask(guest);
        guest.RunLane();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        guest.RunLane();
        guest.Answer(guest.Requests[0], IntegrationStatus.Fail);
        Assert.Equal(2, guest.Requests.Count);
        guest.Answer(guest.Requests[1]);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(second));
    }

    [Fact]
    public void Numbers_come_round_after_all_of_them_were_used()
    {
        IntegrationGuest guest = Guest().Open();
        guest.Serve = static _ => IntegrationStatus.Success;
        for (int i = 0; i < 600; i++) Assert.Equal(IntegrationStatus.Success, guest.Complete(Ask(guest)));
        Assert.All(guest.Requests, static request => Assert.NotEqual(0, request.Header.Transaction));
        Assert.Equal(255, guest.Requests.Select(static request => request.Header.Transaction).Distinct().Count());
    }

    [Fact]
    public void Random_packets_change_nothing()
    {
        var random = new Random(4711);
        IntegrationGuest guest = Guest().Open();
        Task<IntegrationStatus> request = Ask(guest);
        guest.RunLane();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] packet = random.Next(3) == 0 ? new byte[random.Next(64)] : [.. guest.Requests[0].Packet];
            for (int j = random.Next(6); j > 0 && packet.Length > 0; j--) packet[random.Next(packet.Length)] = (byte)random.Next(256);
            guest.Send(packet, (ulong)random.Next(5) + 1_000, random.Next(4) == 0 ? (PacketType)random.Next(16) : PacketType.DataInband);
        }

        Assert.False(request.IsCompleted);
        guest.Answer(guest.Requests[0]);
        Assert.Equal(IntegrationStatus.Success, guest.Complete(request));
    }

    private static IntegrationGuest Guest() => new(IntegrationServices.Shutdown);

    private static Task<IntegrationStatus> Ask(IntegrationGuest guest, CancellationToken cancellation = default)
        => guest.Provider.RequestAsync(static _ => 8, static (_, _) => true, Limit, cancellation);
}
