using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Freezing, and that every path from there leads to a thaw.</summary>
public sealed class BackupServiceTests : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    private readonly IntegrationGuest _guest = new(IntegrationServices.Backup) { Version = new IntegrationVersion(5, 0) };
    private readonly Dictionary<BackupOperation, IntegrationStatus?> _answers = [];
    private readonly BackupService _backup;

    public BackupServiceTests()
    {
        _backup = new BackupService(_guest.Provider);
        _guest.Serve = request => _answers.GetValueOrDefault((BackupOperation)request.Body[0], IntegrationStatus.Success);
        _guest.Open();
    }

    private IEnumerable<int> Asked => _guest.Requests.Select(static request => (int)request.Body[0]);

    public void Dispose() => _backup.Dispose();

    [Fact]
    public void Guest_is_asked_whether_it_can_then_frozen_then_thawed()
    {
        Freeze();
        Assert.True(_backup.MayBeFrozen);
        _guest.Complete(_backup.ThawAsync(CancellationToken.None));
        Assert.Equal([2, 3, 5, 6], Asked);
        Assert.All(_guest.Requests, static request => Assert.Equal(40, request.Packet.Length));
        Assert.Equal((false, 0), (_backup.MayBeFrozen, _guest.Clock.RunningTimers));
    }

    [Theory]
    [InlineData(BackupOperation.CheckHotBackup)]
    [InlineData(BackupOperation.GetDirectMappedInfo)]
    public void Guest_that_cannot_is_neither_frozen_nor_thawed(BackupOperation refused)
    {
        _answers[refused] = IntegrationStatus.Fail;
        _guest.Fails(_backup.FreezeAsync(TimeSpan.FromMinutes(1), CancellationToken.None), IntegrationProblem.Refused);
        Assert.DoesNotContain(5, Asked);
        Assert.DoesNotContain(6, Asked);
        Assert.False(_backup.MayBeFrozen);
    }

    [Fact]
    public void Freeze_that_fails_in_the_guest_is_thawed()
    {
        _answers[BackupOperation.Freeze] = IntegrationStatus.Fail;
        _guest.Fails(_backup.FreezeAsync(TimeSpan.FromMinutes(1), CancellationToken.None), IntegrationProblem.Refused);
        ThawsByItself(TimeSpan.Zero);
    }

    [Fact]
    public void Freeze_that_is_not_answered_is_thawed()
    {
        _answers[BackupOperation.Freeze] = null;
        Task freeze = _backup.FreezeAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        _guest.WaitForRequests(3);
        _guest.Advance(TimeSpan.FromSeconds(60));
        _guest.Fails(freeze, IntegrationProblem.NoAnswer);
        ThawsByItself(TimeSpan.Zero);
    }

    [Fact]
    public async Task Freeze_that_is_given_up_is_thawed()
    {
        using var cancellation = new CancellationTokenSource();
        _answers[BackupOperation.Freeze] = null;
        Task freeze = _backup.FreezeAsync(TimeSpan.FromMinutes(1), cancellation.Token);
        _guest.WaitForRequests(3);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => freeze);
        ThawsByItself(TimeSpan.Zero);
    }

    [Fact]
    public void Guest_that_nobody_thaws_is_thawed_after_the_limit()
    {
        Freeze(TimeSpan.FromSeconds(30));
        _guest.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromMilliseconds(1));
        Assert.DoesNotContain(6, Asked);
        ThawsByItself(TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public void Thaw_that_is_refused_is_tried_again_until_it_succeeds()
    {
        Freeze();
        _answers[BackupOperation.Thaw] = IntegrationStatus.Fail;
        _guest.Fails(_backup.ThawAsync(CancellationToken.None), IntegrationProblem.Refused);
        Assert.True(_backup.MayBeFrozen);
        _guest.Clock.Advance(Retry);
        _guest.WaitForRequests(5);
        _guest.RunLane();
        WaitForTimer();
        _answers[BackupOperation.Thaw] = IntegrationStatus.Success;
        ThawsByItself(Retry);
    }

    [Fact]
    public void Guest_whose_driver_comes_back_while_it_is_frozen_is_thawed()
    {
        Freeze(TimeSpan.FromSeconds(10));
        _guest.Close();
        _guest.Clock.Advance(TimeSpan.FromSeconds(10));
        WaitForTimer();
        _guest.Reopen();
        ThawsByItself(Retry);
    }

    [Fact]
    public void Machine_that_was_reset_is_not_thawed()
    {
        Freeze();
        _guest.Close();
        _backup.Reset();
        Assert.Equal((false, 0), (_backup.MayBeFrozen, _guest.Clock.RunningTimers));
    }

    [Fact]
    public void Frozen_guest_is_not_frozen_again()
    {
        Freeze();
        _guest.Fails(_backup.FreezeAsync(TimeSpan.FromMinutes(1), CancellationToken.None), IntegrationProblem.BadRequest);
        Assert.Equal([2, 3, 5], Asked);
    }

    [Fact]
    public void Thaw_waits_for_the_freeze_before_it()
    {
        _answers[BackupOperation.Freeze] = null;
        Task freeze = _backup.FreezeAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        _guest.WaitForRequests(3);
        Task thaw = _backup.ThawAsync(CancellationToken.None);
        _guest.RunLane();
        Assert.Equal([2, 3, 5], Asked);
        _guest.Answer(_guest.Requests[2]);
        _guest.Complete(thaw);
        Assert.True(freeze.IsCompletedSuccessfully);
        Assert.Equal([2, 3, 5, 6], Asked);
        Assert.False(_backup.MayBeFrozen);
    }

    private void Freeze(TimeSpan? limit = null) => _guest.Complete(_backup.FreezeAsync(limit ?? TimeSpan.FromMinutes(1), CancellationToken.None));

    // Thaws run on threads of their own: their request shows on the lane, their end in the flag.
    private void ThawsByItself(TimeSpan after)
    {
        int asked = _guest.Requests.Count;
        WaitForTimer();
        _guest.Clock.Advance(after);
        _guest.WaitForRequests(asked + 1);
        Assert.Equal(6, Asked.Last());
        _guest.RunLane();
        Assert.True(SpinWait.SpinUntil(() => !_backup.MayBeFrozen, TimeSpan.FromSeconds(30)));
    }

    private void WaitForTimer() => Assert.True(SpinWait.SpinUntil(() => _guest.Clock.RunningTimers > 0, TimeSpan.FromSeconds(30)));
}
