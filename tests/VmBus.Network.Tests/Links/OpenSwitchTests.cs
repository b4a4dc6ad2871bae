using VmBus.Network.Links;
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
            *"br-exists ovs2") echo "ovs-vsctl: no data base" >&2; exit 1 ;;
            *"br-exists ovs3") exit 0 ;;
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
    public void Bridge_that_is_not_there_is_missing_whether_the_switch_answers_or_not() => NetworkNamespace.Run(() =>
    {
        Refused("bridge=ovs1", LinkProblem.NotFound, "Bridge 'ovs1' does not exist");
        Refused("bridge=ovs2", LinkProblem.NotFound, "Bridge 'ovs2' does not exist");
        Refused("bridge=ovs2", LinkProblem.NotFound, "ovs-vsctl: no data base");
        Refused("bridge=ovs3", LinkProblem.Host, "start ovs-vswitchd");
    });

    private static void Refused(string text, LinkProblem problem, string words)
    {
        LinkException refused = Assert.Throws<LinkException>(() => TapLinkTests.Open(text));
        Assert.Equal(problem, refused.Problem);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }
}
