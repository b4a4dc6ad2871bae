using VmBus.Cli.Commands;
using Xunit;

namespace VmBus.Cli.Tests;

public sealed class OpenedRunTests
{
    [Theory]
    [InlineData("run --kernel k --given /s --cpus 2", "run --kernel k --cpus 2")]
    [InlineData("run --given=/s --kernel k", "run --kernel k")]
    [InlineData("run --given:/s --kernel k --given", "run --kernel k")]
    [InlineData("run --kernel k --append --given-not", "run --kernel k --append --given-not")]
    public void Option_and_its_value_are_left_out(string line, string expected) => Assert.Equal(expected.Split(' '), OpenedRun.Without(line.Split(' '), "--given"));
}
