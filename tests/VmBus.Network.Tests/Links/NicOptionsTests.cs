using VmBus.Network.Links;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>The command line form of adapters.</summary>
public sealed class NicOptionsTests
{
    [Fact]
    public void Parse_reads_every_option()
    {
        NicOptions options = NicOptions.Parse("tap=vnet0,mac=52:54:00:00:00:07,bus=vmbus,queues=4,id=lan");
        Assert.Equal((LinkKind.Tap, "vnet0", 4, "lan"), (options.Kind, options.Target, options.Queues, options.Id));
        Assert.Equal(Packets.Mac(7), options.Address);
        Assert.Equal("tap=vnet0", options.Name);
    }

    [Theory]
    [InlineData("bridge=br-lan", LinkKind.Bridge, "br-lan", "bridge=br-lan")]
    [InlineData("user", LinkKind.User, "", "user")]
    [InlineData("vhost-user=/run/a b.sock", LinkKind.VhostUser, "/run/a b.sock", "vhost-user=/run/a b.sock")]
    public void Parse_leaves_open_what_was_not_said(string text, LinkKind kind, string target, string name)
    {
        NicOptions options = NicOptions.Parse(text);
        Assert.Equal((kind, target, name), (options.Kind, options.Target, options.Name));
        Assert.Null(options.Address);
        Assert.Null(options.Queues);
        Assert.Null(options.Id);
    }

    [Fact]
    public void Parse_hands_on_options_of_others()
    {
        List<(string, string?)> others = [];
        NicOptions.Parse("user,slot=net0,first", (key, value) =>
        {
            others.Add((key, value));
            return true;
        });
        Assert.Equal([("slot", "net0"), ("first", null)], others);
    }

    [Theory]
    [InlineData("", "begin with a link")]
    [InlineData("vnet0", "begin with a link")]
    [InlineData("user=x", "begin with a link")]
    [InlineData("vhost-user", "names no socket")]
    [InlineData("vhost-user=", "names no socket")]
    [InlineData("tap=", "names no interface")]
    [InlineData("tap", "names no interface")]
    [InlineData("tap=sixteen-letters-", "cannot exist")]
    [InlineData("tap=a/b", "cannot exist")]
    [InlineData("tap=vmbus%d", "cannot exist")]
    [InlineData("bridge=-x", "cannot exist")]
    [InlineData("user,mac=52:54:00:00:00", "six bytes")]
    [InlineData("user,mac", "six bytes")]
    [InlineData("user,mac=01:00:5e:00:00:01", "no adapter's address")]
    [InlineData("user,mac=00:00:00:00:00:00", "no adapter's address")]
    [InlineData("user,bus=pci", "known are vmbus, virtio")]
    [InlineData("user,queues=0", "from 1 to 64")]
    [InlineData("user,queues=65", "from 1 to 64")]
    [InlineData("user,queues=x", "from 1 to 64")]
    [InlineData("user,id=", "printable")]
    [InlineData("user,id=a b", "printable")]
    [InlineData("user,speed=1", "unknown option 'speed'")]
    public void Parse_says_what_is_wrong(string text, string words)
    {
        LinkException refused = Assert.Throws<LinkException>(() => NicOptions.Parse(text));
        Assert.Equal(LinkProblem.BadOption, refused.Problem);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }
}
