using System.Text;
using VmBus.Cli.Monitor;
using Xunit;
using ConsoleKey = VmBus.Cli.Monitor.ConsoleKey;

namespace VmBus.Cli.Tests;

/// <summary>The escape key has the meanings of QEMU's console, wherever reads cut what is typed.</summary>
public sealed class ConsoleKeysTests
{
    private readonly ConsoleKeys _keys = new();

    [Theory]
    [InlineData("ls -l\r", "ls -l\r")]
    [InlineData("a\u0001xb", "a{Exit}b")]
    [InlineData("\u0001h\u0001?", "{Help}{Help}")]
    [InlineData("\u0001c", "{Switch}")]
    [InlineData("\u0001\u0001x", "\u0001x")]
    [InlineData("\u0001bc", "c")]
    public void Keys_mean_what_they_mean_to_users_of_QEMU(string typed, string meant)
    {
        var text = new StringBuilder();
        foreach (byte key in Encoding.ASCII.GetBytes(typed))
        {
            ConsoleKey meaning = _keys.Next(key);
            if (meaning == ConsoleKey.Typed) text.Append((char)key);
            else if (meaning != ConsoleKey.Swallowed) text.Append('{').Append(meaning).Append('}');
        }

        Assert.Equal(meant, text.ToString());
    }
}
