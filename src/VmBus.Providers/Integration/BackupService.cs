using System.Globalization;
using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Brings the guest's file systems to rest for a copy of its disks, and lets them go on. Any thread.</summary>
/// <remarks>
/// Nothing in the guest thaws by itself. So a freeze has a time limit after which it is thawed here; a freeze that fails, is given up or goes without
/// an answer is thawed too; and a thaw that does not succeed is tried again until it does or the machine is reset. Source: protocol-spec/integration-data.md#backup.
/// </remarks>
public sealed class BackupService : IDisposable
{
    /// <summary>Longest time that file systems may rest; guests themselves wait for longer than that for nothing.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(15);

    // Writing out what a guest holds back takes its time; a copy that cannot begin after a minute has failed.
    private static readonly TimeSpan FreezeLimit = TimeSpan.FromSeconds(60);

    // Linux gives its daemon 30 seconds and then answers itself.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(5);

    private readonly IntegrationProvider _provider;
    private readonly Lock _gate = new();

    // Never disposed: it has no handle, and somebody may still be waiting.
    private readonly SemaphoreSlim _turn = new(1, 1);
    private ITimer? _wait;
    private bool _mayBeFrozen;
    private bool _isDisposed;

    /// <summary>The verbs of a provider of <see cref="IntegrationServices.Backup"/>.</summary>
    public BackupService(IntegrationProvider provider) => _provider = provider;

    /// <summary>Whether the guest's file systems rest, as far as is known: true from the moment they are asked to until they have been thawed.</summary>
    public bool MayBeFrozen
    {
        get
        {
            lock (_gate) return _mayBeFrozen;
        }
    }

    /// <summary>Brings the file systems to rest; ends when they are.</summary>
    /// <param name="limit">They are thawed by themselves after this time.</param>
    /// <param name="cancellation">Gives it up: they are thawed.</param>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive or longer than <see cref="LongestRest"/>.</exception>
    /// <exception cref="IntegrationException">The guest does not do it; whatever it has done is undone.</exception>
    public async Task FreezeAsync(TimeSpan limit, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, LongestRest);
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (MayBeFrozen) throw _provider.Failure(IntegrationProblem.BadRequest, "the guest's file systems are frozen already: thaw them first.");
            await StepAsync(BackupOperation.CheckHotBackup, "agree to a backup", AnswerLimit, cancellation).ConfigureAwait(false);
            await StepAsync(BackupOperation.GetDirectMappedInfo, "tell of its disks", AnswerLimit, cancellation).ConfigureAwait(false);
            bool frozen = false;
            lock (_gate) _mayBeFrozen = true;
            try
            {
                await StepAsync(BackupOperation.Freeze, "freeze its file systems", FreezeLimit, cancellation).ConfigureAwait(false);
                frozen = true;
            }
            finally
            {
                WaitToThaw(frozen ? limit : TimeSpan.Zero, frozen);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Lets the file systems go on, whether they are known to rest or not.</summary>
    /// <exception cref="IntegrationException">The guest does not do it; if they may be frozen it is tried again every five seconds.</exception>
    public async Task ThawAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        bool thawed = false;
        try
        {
            await StepAsync(BackupOperation.Thaw, "thaw its file systems", AnswerLimit, cancellation).ConfigureAwait(false);
            thawed = true;
        }
        finally
        {
            if (thawed) Forget();
            else WaitToThaw(RetryPeriod, isLimit: false);
            _turn.Release();
        }
    }

    /// <summary>The machine has been reset: nothing of it rests any more.</summary>
    public void Reset() => Forget();

    /// <summary>Ends all waits. The guest is gone.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _wait?.Dispose();
        }
    }

    private async Task StepAsync(BackupOperation operation, string what, TimeSpan limit, CancellationToken cancellation)
    {
        IntegrationStatus status = await _provider.RequestAsync(
            static _ => BackupMessage.Size,
            (body, _) =>
            {
                new BackupMessage(operation).Write(body);
                return true;
            },
            limit,
            cancellation).ConfigureAwait(false);
        if (status != IntegrationStatus.Success) throw _provider.Refusal(what, status);
    }

    private void Forget()
    {
        lock (_gate)
        {
            _mayBeFrozen = false;
            _wait?.Dispose();
            _wait = null;
        }
    }

    private void WaitToThaw(TimeSpan time, bool isLimit)
    {
        lock (_gate)
        {
            _wait?.Dispose();
            _wait = null;
            if (!_mayBeFrozen || _isDisposed) return;
            _wait = _provider.Clock.CreateTimer(_ => _ = ThawByItselfAsync(isLimit ? time : null), null, time, Timeout.InfiniteTimeSpan);
        }
    }

    private async Task ThawByItselfAsync(TimeSpan? limit)
    {
        if (!MayBeFrozen) return;
        if (limit is { } reached) _provider.Log.ThawedAfterLimit(reached.TotalSeconds);
        try
        {
            await ThawAsync(CancellationToken.None).ConfigureAwait(false);
            if (limit is null) _provider.Log.ThawedAtLast();
        }
        catch (IntegrationException exception)
        {
            _provider.Log.ThawFailed(exception.Problem == IntegrationProblem.Refused
                ? string.Create(CultureInfo.InvariantCulture, $"the guest answers 0x{(uint)exception.Status:x8}")
                : exception.Problem.ToString());
        }
    }
}
