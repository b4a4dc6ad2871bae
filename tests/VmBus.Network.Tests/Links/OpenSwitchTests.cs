using VmBus.Network.Links;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>Open vSwitch as far as the link sees it: a script stands for <c>ovs-vsctl</c> and a Linux bridge for the switch behind it.</summary>
[Collection(PasstLinkTests.Name)]
public sealed class OpenSwitchTests : IDisposable
{
    private const string Script = """
        #!/bin/sh
        echo "$@" >>"$(dirname "$0")/calls"
        case "$*" in
            *"br-exists ovs0") exit 0 ;;
            *br-exists*) exit 2 ;;
            *"add-port ovs0 "*) eval port=\${$#}; exec ip link set "$port" master behind ;;
            *"del-port ovs0 "*) exit 0 ;;
        esac
        echo "ovs-vsctl: unexpected" >&2
        exit 1
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-ovs-").FullName;
    private readonly string? _path = Environment.GetEnvironmentVariable("PATH");

    public OpenSwitchTests()
    {
        string program = Path.Combine(_folder, "ovs-vsctl");
        File.WriteAllText(program, Script);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Environment.SetEnvironmentVariable("PATH", $"{_folder}:{_path}");
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PATH", _path);
        Directory.Delete(_folder, recursive: true);
    }

    [NetworkFact]
    public void Port_is_added_to_the_switch_and_removed_with_the_link() => NetworkNamespace.Run(() =>
    {
        // What the switch shows to the host: an interface of its name that is no Linux bridge.
        NetworkNamespace.Ip("tuntap add ovs0 mode tap");
        NetworkNamespace.Ip("link set ovs0 mtu 2000 up");
        NetworkNamespace.Ip("link add behind type bridge");
        using (ILink link = TapLinkTests.Open("bridge=ovs0"))
        {
            Assert.True(link.IsUp);
            Assert.Equal(2014, link.Traits.MaximumFrameBytes);
            Assert.Contains("master behind", NetworkNamespace.Show("link show vmbus0"), StringComparison.Ordinal);
        }

        Assert.Equal(
            ["--timeout=10 br-exists ovs0", "--timeout=10 --may-exist add-port ovs0 vmbus0", "--timeout=10 --if-exists del-port ovs0 vmbus0"],
            File.ReadAllLines(Path.Combine(_folder, "calls")));
    });

    [NetworkFact]
    public void Bridge_that_the_switch_does_not_know_is_missing() => NetworkNamespace.Run(() =>
        Assert.Equal(LinkProblem.NotFound, Assert.Throws<LinkException>(() => TapLinkTests.Open("bridge=ovs1")).Problem));
}
