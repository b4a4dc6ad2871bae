using VmBus.Cli.Commands;
using VmBus.Cli.Options;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>Commands for a partition take its name first, or a socket in its place; the manual names all that there are.</summary>
public sealed class PartitionWordsTests
{
    [Theory]
    [InlineData("disk list web", "disk list web")]
    [InlineData("disk list --control /s", "disk list - --control /s")]
    [InlineData("disk add data.img --control=/s", "disk add - data.img --control=/s")]
    [InlineData("exec web -- ls --control /s", "exec web -- ls --control /s")]
    [InlineData("exec --control /s -- ls", "exec - --control /s -- ls")]
    [InlineData("--service /v kvp get --control /s Role", "--service /v kvp get - --control /s Role")]
    [InlineData("run --kernel k --control /s", "run --kernel k --control /s")]
    [InlineData("list --control /s", "list --control /s")]
    [InlineData("--service", "--service")]
    public void Word_for_no_name_is_put_where_a_socket_is_given(string written, string expected)
        => Assert.Equal(expected, string.Join(' ', PartitionWords.Complete(Program.CreateRoot(), written.Split(' '))));

    [Fact]
    public void Manual_names_every_command_and_option()
    {
        var root = Program.CreateRoot();
        string page = ManualCommand.Page(root);
        foreach (var command in root.Subcommands)
        {
            Assert.Contains($"\n.SS vmbus {Escaped(command.Name)}", page, StringComparison.Ordinal);
            foreach (var option in command.Options.Where(static one => one.Name != "--help")) Assert.Contains($".B {Escaped(option.Name)}", page, StringComparison.Ordinal);
        }

        static string Escaped(string name) => name.Replace("-", "\\-", StringComparison.Ordinal);
    }
}
