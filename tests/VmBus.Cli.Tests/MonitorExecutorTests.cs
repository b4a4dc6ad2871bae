using VmBus.Cli.Monitor;
using VmBus.Control.Verbs;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>The monitor's commands reach the partition with what was typed, and every mistake is one line that says what to type.</summary>
public sealed class MonitorExecutorTests
{
    private readonly RecordingPartition _partition = new();
    private readonly MonitorExecutor _monitor;

    public MonitorExecutorTests() => _monitor = new MonitorExecutor(new VerbTable(new PartitionVerbs(_partition, TimeSpan.FromSeconds(7))));

    [Theory]
    [InlineData("disk add /a b/c.img,id=x,readonly", "add /a b/c.img x readonly")]
    [InlineData("  disk   add   d.img,bus=vmbus  ", "add FOLDER/d.img  ")]
    [InlineData("disk remove lun3", "remove lun3")]
    [InlineData("disk resize lun3", "resize lun3 ")]
    [InlineData("disk resize lun3 2G", "resize lun3 2147483648")]
    [InlineData("nic add tap=vnet0,id=lan", "nic tap=vnet0 lan")]
    [InlineData("  nic  add  user ", "nic user ")]
    [InlineData("nic remove nic0", "unplug nic0")]
    [InlineData("poweroff", "poweroff 7")]
    [InlineData("quit", "quit")]
    public void Command_reaches_the_partition(string line, string asked)
    {
        Assert.DoesNotContain("error", Execute(line), StringComparison.Ordinal);
        Assert.Equal([asked.Replace("FOLDER", Environment.CurrentDirectory, StringComparison.Ordinal)], _partition.Asked);
    }

    [Theory]
    [InlineData("disk", "list, add, remove or resize")]
    [InlineData("disk burn x", "list, add, remove or resize")]
    [InlineData("disk add", "PATH")]
    [InlineData("disk add x,colour=red", "colour")]
    [InlineData("disk add x,bus=virtio", "bus")]
    [InlineData("disk remove", "ID")]
    [InlineData("disk remove a b", "ID")]
    [InlineData("disk resize", "[SIZE]")]
    [InlineData("disk resize a 1Q", "1Q")]
    [InlineData("disk resize a 0", "'0'")]
    [InlineData("disk resize a 1G now", "[SIZE]")]
    [InlineData("nic", "list, add or remove")]
    [InlineData("nic burn x", "list, add or remove")]
    [InlineData("nic add", "LINK")]
    [InlineData("nic add tap=a b", "LINK")]
    [InlineData("nic add wire=x", "wire=x")]
    [InlineData("nic add user,colour=red", "colour")]
    [InlineData("nic remove", "ID")]
    [InlineData("info all", "all")]
    [InlineData("system_powerdown", "help")]
    public void Mistake_is_one_line_that_names_it(string line, string named)
    {
        string answer = Execute(line);
        Assert.StartsWith("error: ", answer, StringComparison.Ordinal);
        Assert.Contains(named, answer, StringComparison.Ordinal);
        Assert.Equal(answer.Length - 1, answer.IndexOf('\n', StringComparison.Ordinal));
        Assert.Empty(_partition.Asked);
    }

    [Fact]
    public void Refusal_of_the_partition_is_one_line()
    {
        _partition.Refusal = new IOException("There is no disk 'x':\nthere is none.");
        Assert.Equal("error: There is no disk 'x': there is none.\n", Execute("disk remove x"));
    }

    [Fact]
    public void Empty_line_does_nothing() => Assert.Equal("", Execute("  "));

    [Fact]
    public void Help_names_every_command()
    {
        string help = Execute("help");
        foreach (string command in new[] { "info", "disk list", "disk add", "disk remove", "disk resize", "nic list", "nic add", "nic remove", "poweroff", "quit" })
            Assert.Contains($"\n{command} ", help, StringComparison.Ordinal);
    }

    [Fact]
    public void Disks_are_listed_as_a_table()
        => Assert.Equal(
            "ID      BUS     LUN       SIZE  FORMAT  STATE     PATH\n"
            + "system  vmbus     0        20G  raw     writable  /images/system.img\n"
            + "lun1    vmbus     1       1025  qcow2   read-only /images/data.qcow2\n",
            Execute("disk list"));

    [Fact]
    public void Adapters_are_listed_with_what_each_queue_has_done()
        => Assert.Equal(
            "lan: tap=vnet0, 02:00:00:00:00:01, link up\n"
            + "  in all    sent 5 frames 500 bytes, received 7 frames 700 bytes, 3 sent and dropped\n"
            + "  queue 0   sent 2 frames 200 bytes, received 7 frames 700 bytes, 1 dropped as the guest takes none, 4 refused as malformed, "
            + "2 dropped as the link is full, 3 dropped as the link failed, 8 filtered out, 9 dropped as too long\n",
            Execute("nic list"));

    [Fact]
    public void Info_tells_name_state_version_and_channels()
        => Assert.Equal(
            "name      demo\nstate     running\nuptime    1.02:03:04\nbus       VMBus 5.3\n"
            + "channel   1: SCSI controller, open, processor 2, lane-0, packets 10 in 11 out, 13 kicks, 12 interrupts\n",
            Execute("info"));

    [Fact]
    public void Resize_that_changed_nothing_says_so()
    {
        Assert.Contains("as before", Execute("disk resize system"), StringComparison.Ordinal);
        Assert.Contains("has 30G now", Execute("disk resize system 30G"), StringComparison.Ordinal);
    }

    [Fact]
    public void No_adapters_are_said_to_be_none()
    {
        _partition.NetworkAdapters = [];
        Assert.Equal("no network adapters\n", Execute("nic list"));
    }

    private string Execute(string line) => _monitor.ExecuteAsync(line).GetAwaiter().GetResult();
}
