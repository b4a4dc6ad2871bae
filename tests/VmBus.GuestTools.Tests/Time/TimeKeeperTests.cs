using VmBus.GuestTools.Time;

namespace VmBus.GuestTools.Tests.Time;

public sealed class TimeKeeperTests : IDisposable
{
    private readonly TemporaryFolder _processes = new();

    public void Dispose() => _processes.Dispose();

    [Theory]
    [InlineData("chronyd", "chronyd")]
    [InlineData("systemd-timesyn", "systemd-timesyncd")]
    [InlineData("bash", null)]
    public void Time_daemon_is_known_by_its_name(string name, string? shown)
    {
        Add(7, name, name);
        Assert.Equal(shown, TimeKeeper.FindOther(_processes.Path)?.Name);
    }

    [Theory]
    [InlineData("vmbus-guest\0run\0time\0", true)]
    [InlineData("vmbus-guest\0run\0--step-beyond\u0000100\0", true)]
    [InlineData("vmbus-guest\0run\0kvp\0", false)]
    [InlineData("vmbus-guest\0time\0", false)]
    public void Own_daemon_keeps_the_time_when_it_runs_that_service(string command, bool keeps)
    {
        Add(8, "vmbus-guest", command);
        Assert.Equal(keeps, TimeKeeper.FindOwn(_processes.Path) is { Id: 8 });
    }

    [Theory]
    [InlineData("hyperv", true)]
    [InlineData("KVM virtual PTP", false)]
    public void Clock_is_found_by_its_name(string name, bool found)
    {
        Directory.CreateDirectory(_processes["ptp3"]);
        File.WriteAllText(_processes["ptp3/clock_name"], name + "\n");
        Assert.Equal(found ? "/dev/ptp3" : null, HyperVClock.Find(_processes.Path));
    }

    private void Add(int id, string name, string command)
    {
        Directory.CreateDirectory(_processes[$"{id}"]);
        File.WriteAllText(_processes[$"{id}/comm"], name + "\n");
        File.WriteAllText(_processes[$"{id}/cmdline"], command);
    }
}
