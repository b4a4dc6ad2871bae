using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;

namespace VmBus.GuestTools.Tests.Backup;

public sealed class FreezeHooksTests : IDisposable
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _lines = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Programs_run_in_order_and_are_told_the_thaw_in_reverse()
    {
        Add("20-second", "exit 0");
        Add("10-first", "exit 0");
        Add("10-first~", "exit 0");
        Add("writable", "exit 0", Mode | UnixFileMode.OtherWrite);
        Add("no-program", "exit 0", UnixFileMode.UserRead);
        FreezeHooks hooks = Create();
        Assert.True(hooks.Freeze());
        hooks.Thaw();
        hooks.Thaw();
        Assert.Equal(["10-first freeze", "20-second freeze", "20-second thaw", "10-first thaw"], Ran());
    }

    [Fact]
    public void Program_that_fails_stops_the_freeze_and_is_told_the_thaw()
    {
        Add("10-first", "exit 0");
        Add("20-fails", "echo cannot >&2; [ $1 = thaw ] || exit 3");
        Add("30-never", "exit 0");
        Assert.False(Create().Freeze());
        Assert.Equal(["10-first freeze", "20-fails freeze", "20-fails thaw", "10-first thaw"], Ran());
        Assert.Contains("20-fails ended with status 3: cannot; nothing is frozen", Assert.Single(_lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_that_is_not_there_has_none() => Assert.True(new FreezeHooks(new HookFolder(_folder["none"]), Record, new DaemonLog(_lines.Add)).Freeze());

    [Fact]
    public void Programs_that_a_dead_daemon_had_told_of_the_freeze_are_told_the_thaw()
    {
        Add("10-first", "exit 0");
        Add("20-second", "exit 0");
        Assert.True(Create().Freeze());
        var frozen = new FrozenRecord(_folder["run/frozen"]);
        frozen.Write([]);
        Assert.True(new LeftOver(frozen, Record).Thaw(_lines.Add));
        Assert.True(new LeftOver(frozen, Record).Thaw(_lines.Add));
        Assert.Equal(["10-first freeze", "20-second freeze", "20-second thaw", "10-first thaw"], Ran());
        Assert.Empty(_lines);
    }

    private FrozenRecord Record => new(_folder["run/told"]);

    private FreezeHooks Create() => new(new HookFolder(_folder["hooks"]), Record, new DaemonLog(_lines.Add));

    private string[] Ran() => File.ReadAllLines(_folder["ran"]);

    private void Add(string name, string body, UnixFileMode mode = Mode)
    {
        Directory.CreateDirectory(_folder["hooks"]);
        string path = Path.Combine(_folder["hooks"], name);
        File.WriteAllText(path, $"#!/bin/sh\necho \"{name} $1\" >>{_folder["ran"]}\n{body}\n");
        File.SetUnixFileMode(path, mode);
    }
}
