using VmBus.Cli.Options;
using Xunit;

namespace VmBus.Cli.Tests;

public sealed class SizeParserTests
{
    [Theory]
    [InlineData("1", 1)]
    [InlineData("512K", 512L << 10)]
    [InlineData("512m", 512L << 20)]
    [InlineData("2G", 2L << 30)]
    [InlineData("3T", 3L << 40)]
    public void Size_with_suffix_is_a_power_of_1024(string text, long bytes)
    {
        Assert.True(SizeParser.TryParse(text, out long parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("G")]
    [InlineData("-1G")]
    [InlineData("1.5G")]
    [InlineData("1 G")]
    [InlineData("1GB")]
    [InlineData("9223372036854775807K")]
    public void Anything_else_is_refused(string text) => Assert.False(SizeParser.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1025, "1025")]
    [InlineData(1536L << 20, "1536M")]
    [InlineData(20L << 30, "20G")]
    [InlineData(2048L << 40, "2048T")]
    public void Format_writes_what_parses_to_the_same(long bytes, string text)
    {
        Assert.Equal(text, SizeParser.Format(bytes));
        Assert.True(SizeParser.TryParse(text, out long parsed));
        Assert.Equal(bytes, parsed);
    }
}
