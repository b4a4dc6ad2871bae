using VmBus.Cli.Text;
using VmBus.Management.Values;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>What the service tells, as people read it.</summary>
public sealed class ServiceTextTests
{
    private static readonly PartitionStatus Running = new("web", "running", 4711, "/run/control", 0, 2, "1G,max=4G", "on-crash", true, true, null, null, null, null);

    [Fact]
    public void List_is_a_table_with_what_is_wrong_below()
    {
        PartitionStatus died = Running with { Name = "database", State = "off", Process = null, Changed = false, Autostart = false, EndReason = "died", EndDetail = "killed\u001b[2J" };
        Assert.Equal(
            """
            NAME      STATE       PROCESS  CPUS  MEMORY     AUTOSTART  RESTART   NOTE
            database  off               -     2  1G,max=4G  no         on-crash  died: killed [2J
            web       running        4711     2  1G,max=4G  yes        on-crash  definition has changed since the start
            no definition: bad.json: it is no JSON

            """,
            ServiceText.List(new PartitionStatusList([died, Running], ["bad.json: it is no JSON"])));
        Assert.Equal("no partitions are defined\n", ServiceText.List(new PartitionStatusList([], [])));
    }

    [Fact]
    public void Partition_is_described_with_its_last_end_and_problem()
        => Assert.Equal(
            """
            name      web
            state     off
            cpus      2
            memory    1G,max=4G
            autostart yes
            restart   on-crash
            last end  1970-01-01T00:00:01Z  crashed: kernel panic
            problem   its definition file is gone

            """,
            ServiceText.Describe(Running with
            {
                State = "off",
                Process = null,
                StartedMs = null,
                Changed = false,
                EndReason = "crashed",
                EndDetail = "kernel panic",
                EndMs = 1000,
                Problem = "its definition file is gone",
            }));
}
