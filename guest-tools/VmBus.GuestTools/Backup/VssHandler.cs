using System.Buffers.Binary;
using VmBus.GuestTools.Daemon;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Backup;

/// <summary>Answers the host's requests for a backup, and thaws by itself when the host does not. Source: protocol-spec/integration-data.md#backup.</summary>
/// <remarks>
/// While file systems are frozen this thread waits for the host and does nothing else: whatever writes to a file then waits for the thaw. When
/// it has thawed by itself, what the host copied since is not at rest, so the host's own thaw fails, once.
/// </remarks>
/// <param name="systems">The file systems.</param>
/// <param name="hooks">What is to be told.</param>
/// <param name="thawAfter">How long they stay frozen when the host does not thaw them.</param>
/// <param name="log">Where messages go.</param>
/// <param name="wasCutOff">Whether a daemon before this died with frozen file systems, which were thawed then.</param>
internal sealed class VssHandler(IFileSystems systems, IFreezeHooks hooks, TimeSpan thawAfter, DaemonLog log, bool wasCutOff = false) : IRequestHandler
{
    private const int MessageBytes = 12;
    private const byte Register = 129;

    private readonly byte[] _answer = new byte[MessageBytes];
    private long _frozenAt;
    private bool _hasExpired = wasCutOff;
    private bool _hooksWait;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Registration { get; } = new byte[] { Register, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

    /// <inheritdoc/>
    public int MaximumRequestBytes => MessageBytes;

    /// <inheritdoc/>
    public TimeSpan? TimeLeft => systems.AreFrozen
        ? TimeSpan.FromMilliseconds(Math.Max(0, _frozenAt + (long)thawAfter.TotalMilliseconds - Environment.TickCount64))
        : null;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Answer(Memory<byte> request)
    {
        IntegrationStatus status = (BackupOperation)request.Span[0] switch
        {
            BackupOperation.CheckHotBackup => IntegrationStatus.Success,
            BackupOperation.Freeze => Freeze(),
            BackupOperation.Thaw => Thaw(),
            _ => IntegrationStatus.Fail,
        };
        BinaryPrimitives.WriteUInt32LittleEndian(_answer, (uint)status);
        return _answer;
    }

    /// <inheritdoc/>
    public void Answered()
    {
        if (!_hooksWait) return;
        // After the answer: the host's disks are in use again, and it need not wait for databases.
        _hooksWait = false;
        hooks.Thaw();
    }

    /// <inheritdoc/>
    public void Expire()
    {
        if (!systems.AreFrozen) return;
        systems.Thaw();
        _hasExpired = true;
        log.Warn($"vss: the host has not thawed for {thawAfter.TotalSeconds:0} s: thawed by itself, and what the host copies is not at rest");
        hooks.Thaw();
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (systems.AreFrozen)
        {
            systems.Thaw();
            hooks.Thaw();
            log.Warn("vss: the host has gone, or this program ends, with frozen file systems: thawed");
        }

        _hasExpired = false;
    }

    private IntegrationStatus Freeze()
    {
        if (systems.AreFrozen)
        {
            log.Warn("vss: the host freezes what it has frozen already; it stays so");
            return IntegrationStatus.Fail;
        }

        _hasExpired = false;
        if (!hooks.Freeze()) return IntegrationStatus.Fail;
        bool frozen;
        try
        {
            frozen = systems.Freeze();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Fail($"vss: nothing is frozen: {e.Message}");
            frozen = false;
        }

        _frozenAt = Environment.TickCount64;
        if (frozen) return IntegrationStatus.Success;
        hooks.Thaw();
        return IntegrationStatus.Fail;
    }

    private IntegrationStatus Thaw()
    {
        if (systems.AreFrozen)
        {
            _hooksWait = true;
            return systems.Thaw() ? IntegrationStatus.Success : IntegrationStatus.Fail;
        }

        bool failed = _hasExpired;
        _hasExpired = false;
        return failed ? IntegrationStatus.Fail : IntegrationStatus.Success;
    }
}
