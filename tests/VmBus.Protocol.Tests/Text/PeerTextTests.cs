using VmBus.Protocol.Text;
using Xunit;

namespace VmBus.Protocol.Tests.Text;

/// <summary>Nothing that a peer writes acts on the terminal or the log that shows it.</summary>
public sealed class PeerTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("Grüße, 世界 🚀", "Grüße, 世界 🚀")]
    [InlineData("a\\b", "a\\\\b")]
    [InlineData("a\nb\r\0\t", "a\\u{a}b\\u{d}\\u{0}\\u{9}")]
    [InlineData("\u001b[2J", "\\u{1b}[2J")]
    [InlineData("\u202egnp.exe", "\\u{202e}gnp.exe")]
    [InlineData("a\u2028b\u2029", "a\\u{2028}b\\u{2029}")]
    [InlineData("\ue000", "\\u{e000}")]
    public void Escape_leaves_what_a_terminal_shows_and_names_the_rest(string text, string shown) => Assert.Equal(shown, PeerText.Escape(text));

    // Metadata, and so an attribute, holds no half of a pair.
    [Fact]
    public void Escape_replaces_half_of_a_surrogate_pair() => Assert.Equal("a\ufffdb", PeerText.Escape("a\ud800b"));

    [Theory]
    [InlineData("abcd", 4, "abcd")]
    [InlineData("abcde", 4, "abcd…")]
    [InlineData("\n\n", 4, "\\u{a}…")]
    public void Escape_cuts_off_what_is_too_long(string text, int most, string shown) => Assert.Equal(shown, PeerText.Escape(text, most));
}
