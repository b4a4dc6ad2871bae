using System.CommandLine;
using System.Text.RegularExpressions;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>The README's table of what virsh, Hyper-V's PowerShell and this program call the same things.</summary>
public sealed partial class CommandTableTests
{
    [Fact]
    public void Every_command_is_in_the_table_and_the_table_has_no_other()
    {
        string[] table = [.. File.ReadLines(Path.Combine(Repository.Root, "README.md")).SkipWhile(static line => !line.StartsWith("| virsh |", StringComparison.Ordinal)).TakeWhile(static line => line.StartsWith('|')).Skip(2)
            .SelectMany(static line => CodeSpan().Matches(line.Split('|')[^2]).Select(static match => match.Groups[1].Value))];
        string[] commands = [.. Leaves(Program.CreateRoot(), "")];
        Assert.NotEmpty(table);
        Assert.All(commands, command => Assert.Contains(table, entry => IsOf(entry, command)));
        Assert.All(table.Where(static entry => !entry.StartsWith('-') && !entry.StartsWith('/')), entry => Assert.Contains(commands, command => IsOf(entry, command)));
    }

    private static bool IsOf(string entry, string command) => entry == command || entry.StartsWith(command + " ", StringComparison.Ordinal);

    private static IEnumerable<string> Leaves(Command command, string path)
    {
        foreach (Command child in command.Subcommands)
        {
            string own = path.Length == 0 ? child.Name : $"{path} {child.Name}";
            if (child.Subcommands.Count == 0) yield return own;
            foreach (string leaf in Leaves(child, own)) yield return leaf;
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();
}
