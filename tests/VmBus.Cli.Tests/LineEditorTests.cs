using System.Text;
using VmBus.Cli.Monitor;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>Typed keys become lines, and what a terminal shows agrees with them.</summary>
public sealed class LineEditorTests
{
    [Theory]
    [InlineData("info\r", "info", "info\n")]
    [InlineData("info\n", "info", "info\n")]
    [InlineData("one\r\ntwo\r\n", "one|two", "one\ntwo\n")]
    [InlineData("\r\r", "|", "\n\n")]
    [InlineData("inx\u007ffo\r", "info", "inx\b \bfo\n")]
    [InlineData("\bok\r", "ok", "ok\n")]
    [InlineData("ab\u0015cd\r", "cd", "ab\b \b\b \bcd\n")]
    [InlineData("ab\u0003\r", "", "ab\b \b\b \b\n")]
    [InlineData("aä\u007fb\r", "ab", "aä\b \bb\n")]
    [InlineData("a\tb\r", "ab", "ab\n")]
    public void Keys_become_lines(string typed, string lines, string shown)
    {
        var editor = new LineEditor();
        List<string> ended = [];
        var echoed = new StringBuilder();
        foreach (byte key in Encoding.UTF8.GetBytes(typed))
        {
            if (editor.Type(key, out string echo) is { } line) ended.Add(line);
            echoed.Append(echo);
        }

        Assert.Equal(lines, string.Join('|', ended));
        Assert.Equal(shown, echoed.ToString());
    }

    [Fact]
    public void Line_without_an_end_takes_bounded_memory()
    {
        var editor = new LineEditor();
        for (int i = 0; i < 20000; i++) Assert.Null(editor.Type((byte)'a', out _));
        Assert.Equal(8192, editor.Type((byte)'\r', out _)!.Length);
    }
}
