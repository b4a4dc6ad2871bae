using System.Buffers.Binary;
using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.Backup;

public sealed class VssHandlerTests
{
    private readonly RecordingParts _parts = new();
    private readonly VssHandler _handler;

    public VssHandlerTests() => _handler = new VssHandler(_parts, _parts, TimeSpan.FromMinutes(1), new DaemonLog(_parts.Steps.Add));

    [Fact]
    public void Freeze_runs_hooks_before_and_thaw_after_the_answer()
    {
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.CheckHotBackup));
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Freeze));
        Assert.InRange(_handler.TimeLeft!.Value.TotalSeconds, 50, 60);
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Thaw));
        Assert.Null(_handler.TimeLeft);
        Assert.Equal(["hooks freeze", "freeze", "thaw", "hooks thaw"], _parts.Steps);
    }

    [Fact]
    public void Second_freeze_is_refused_and_changes_nothing()
    {
        Ask(BackupOperation.Freeze);
        Assert.Equal(IntegrationStatus.Fail, Ask(BackupOperation.Freeze));
        Assert.True(_parts.AreFrozen);
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Thaw));
    }

    [Fact]
    public void Failed_hook_leaves_everything_as_it_was()
    {
        _parts.HooksFail = true;
        Assert.Equal(IntegrationStatus.Fail, Ask(BackupOperation.Freeze));
        Assert.Equal(["hooks freeze"], _parts.Steps);
        Assert.Null(_handler.TimeLeft);
    }

    [Fact]
    public void Failed_freeze_tells_the_hooks()
    {
        _parts.FreezeFails = true;
        Assert.Equal(IntegrationStatus.Fail, Ask(BackupOperation.Freeze));
        Assert.Equal(["hooks freeze", "freeze", "hooks thaw"], _parts.Steps);
    }

    [Fact]
    public void What_is_thawed_by_itself_fails_the_hosts_thaw_once()
    {
        Ask(BackupOperation.Freeze);
        _handler.Expire();
        Assert.False(_parts.AreFrozen);
        Assert.Equal(IntegrationStatus.Fail, Ask(BackupOperation.Thaw));
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Thaw));
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Freeze));
        Assert.Equal(IntegrationStatus.Success, Ask(BackupOperation.Thaw));
    }

    [Fact]
    public void Host_is_told_of_what_was_thawed_after_a_daemon_had_died()
    {
        using var folder = new TemporaryFolder();
        var record = new FrozenRecord(folder["run/frozen"]);
        Assert.False(record.TakeUntold());
        record.Write(["/data", "/a b", "/"]);
        Assert.Equal(["/", "/a b", "/data"], record.Read());
        record.ClearUntold();
        Assert.Empty(record.Read());
        Assert.True(record.TakeUntold());
        Assert.False(record.TakeUntold());
        var next = new VssHandler(_parts, _parts, TimeSpan.FromMinutes(1), new DaemonLog(_parts.Steps.Add), wasCutOff: true);
        byte[] thaw = [(byte)BackupOperation.Thaw, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal((uint)IntegrationStatus.Fail, BinaryPrimitives.ReadUInt32LittleEndian(next.Answer(thaw).Span));
        thaw[0] = (byte)BackupOperation.Thaw;
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32LittleEndian(next.Answer(thaw).Span));
    }

    [Fact]
    public void End_of_the_daemon_or_the_host_thaws()
    {
        Ask(BackupOperation.Freeze);
        _handler.Close();
        Assert.False(_parts.AreFrozen);
        Assert.Contains("hooks thaw", _parts.Steps);
    }

    [Fact]
    public void Thaw_of_what_another_program_thawed_fails()
    {
        Ask(BackupOperation.Freeze);
        _parts.WasThawed = true;
        Assert.Equal(IntegrationStatus.Fail, Ask(BackupOperation.Thaw));
    }

    [Fact]
    public void Unknown_operation_fails() => Assert.Equal(IntegrationStatus.Fail, Ask((BackupOperation)99));

    [Fact]
    public void Log_is_silent_while_frozen_and_says_all_afterwards()
    {
        var lines = new List<string>();
        var log = new DaemonLog(lines.Add);
        log.Hold();
        for (int i = 0; i < 203; i++) log.Say($"line {i}");
        Assert.Empty(lines);
        log.Release();
        Assert.Equal(201, lines.Count);
        Assert.StartsWith("3 more", lines[^1], StringComparison.Ordinal);
        log.Say("next");
        Assert.EndsWith("next", lines[^1], StringComparison.Ordinal);
    }

    private IntegrationStatus Ask(BackupOperation operation)
    {
        byte[] request = new byte[12];
        request[0] = (byte)operation;
        var status = (IntegrationStatus)BinaryPrimitives.ReadUInt32LittleEndian(_handler.Answer(request).Span);
        _handler.Answered();
        return status;
    }

    private sealed class RecordingParts : IFileSystems, IFreezeHooks
    {
        public List<string> Steps { get; } = [];

        public bool HooksFail { get; set; }

        public bool FreezeFails { get; set; }

        public bool WasThawed { get; set; }

        public bool AreFrozen { get; private set; }

        public bool Freeze()
        {
            Steps.Add("freeze");
            return AreFrozen = !FreezeFails;
        }

        public bool Thaw()
        {
            Steps.Add("thaw");
            AreFrozen = false;
            return !WasThawed;
        }

        bool IFreezeHooks.Freeze()
        {
            Steps.Add("hooks freeze");
            return !HooksFail;
        }

        void IFreezeHooks.Thaw() => Steps.Add("hooks thaw");
    }
}
