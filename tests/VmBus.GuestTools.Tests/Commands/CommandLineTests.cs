using System.CommandLine;
using VmBus.GuestTools.Commands;
using VmBus.GuestTools.Files;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.Commands;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("run")]
    [InlineData("run kvp vss")]
    [InlineData("run --thaw-after 3600 --step-beyond 500")]
    [InlineData("devices --verbose")]
    [InlineData("channel --json")]
    [InlineData("kvp set host:key value")]
    [InlineData("conformance --rule CH RG-1 --break --brief --json r.json --junit r.xml --device 3 --name host --patience 60")]
    public void Good_command_lines_are_understood(string line) => Assert.Empty(Program.CreateRoot().Parse(line).Errors);

    [Theory]
    [InlineData("run nosuch")]
    [InlineData("run --thaw-after 0")]
    [InlineData("run --thaw-after 3601")]
    [InlineData("run --step-beyond 501")]
    [InlineData("devices x")]
    [InlineData("conformance --patience 0")]
    [InlineData("conformance x")]
    [InlineData("kvp set key")]
    [InlineData("nosuch")]
    [InlineData("")]
    public void Bad_command_lines_are_refused(string line) => Assert.NotEmpty(Program.CreateRoot().Parse(line).Errors);

    [Fact]
    public void Every_command_option_and_argument_is_described()
    {
        var commands = new Queue<Command>([Program.CreateRoot()]);
        while (commands.TryDequeue(out Command? command))
        {
            Assert.False(string.IsNullOrEmpty(command.Description), command.Name);
            Assert.All(command.Arguments, argument => Assert.False(string.IsNullOrEmpty(argument.Description), $"{command.Name} {argument.Name}"));
            Assert.All(command.Options, option => Assert.False(string.IsNullOrEmpty(option.Description), $"{command.Name} {option.Name}"));
            foreach (Command below in command.Subcommands) commands.Enqueue(below);
        }
    }

    [Theory]
    [InlineData("host:Key", KvpPool.AutoExternal, "Key")]
    [InlineData("external:a:b", KvpPool.External, "a:b")]
    [InlineData("a:b", null, "a:b")]
    [InlineData(":b", null, ":b")]
    [InlineData("Key", null, "Key")]
    public void Key_may_have_a_pool(string text, KvpPool? pool, string key) => Assert.Equal(new PoolKey(pool, key), PoolKey.Parse(text));

    [Fact]
    public void Pool_that_there_is_not_is_bad_usage()
        => Assert.Equal(ExitStatus.BadUsage, Assert.Throws<ToolException>(static () => PoolKey.ParsePool("nosuch")).Status);

    [Theory]
    [InlineData("6.1.0-56-cloud-amd64", false)]
    [InlineData("6.9.12", false)]
    [InlineData("6.10.0", true)]
    [InlineData("6.12.117+deb12-amd64", true)]
    [InlineData("7.0", true)]
    [InlineData("5.15.0-1", false)]
    [InlineData("odd", false)]
    public void Kernel_leaves_file_copy_to_programs_since_6_10(string release, bool leaves) => Assert.Equal(leaves, FileCopyDriver.IsLeftToPrograms(release));
}
