using System.Text;
using VmBus.Host.Consoles;
using VmBus.Host.Images;
using Xunit;

namespace VmBus.Host.Tests.Images;

/// <summary>The loader's messages in the console's stream: taken out, bounded, cleaned, and only the loader's.</summary>
public sealed class LoaderConsoleTests : IDisposable
{
    private readonly KeptConsole _inner = new();
    private readonly LoaderConsole _console;
    private int _ended;

    public LoaderConsoleTests() => _console = new LoaderConsole(_inner, "t0ken", () => _ended++);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void Message_is_taken_out_however_it_is_cut(int piece)
    {
        byte[] all = Encoding.UTF8.GetBytes($"\u001b[1mbefore\u001b{Message("error", "no boot entry\u001b[2J\u202e on\nsda")}after");
        for (int i = 0; i < all.Length; i += piece) _console.Write(all.AsSpan(i, Math.Min(piece, all.Length - i)));
        Assert.Equal("\u001b[1mbefore\u001bafter", _inner.Text);
        Assert.Equal("no boot entry [2J  on sda", _console.Error);
        Assert.Equal(1, _ended);
    }

    [Fact]
    public void Entries_are_kept_until_the_loader_is_done()
    {
        Send(Message("entry", "grub\t1\tid\ttitle\t/fs/sda1/k\t/fs/sda1/i\tro quiet") + Message("entry", "too\tfew"));
        Assert.True(_console.IsLoading);
        Send(Message("boot", "title"));
        Assert.Equal(new BootEntry("grub", true, "id", "title", "/fs/sda1/k", "/fs/sda1/i", "ro quiet"), Assert.Single(_console.Entries));
        Assert.False(_console.IsLoading);
    }

    [Fact]
    public void Guest_that_says_what_the_loader_would_is_not_heard()
    {
        string other = "\u001b_0ther;error;aGk=\u001b\\";
        Send(other);
        Send(Message("boot", ""));
        Send(Message("error", "from the guest"));
        Assert.Null(_console.Error);
        Assert.Equal(other + Message("error", "from the guest"), _inner.Text);
    }

    [Fact]
    public void Loader_is_heard_again_after_a_reset_and_one_that_resets_by_itself_has_failed()
    {
        Send(Message("boot", ""));
        _console.Arm();
        Assert.Null(_console.Error);
        _console.Arm();
        Assert.Contains("reset", _console.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\u001b_t0ken;error;***\u001b\\")]
    [InlineData("\u001b_t0ken;error\u001b\\")]
    [InlineData("\u001b_t0ken;unknown;aGk=\u001b\\")]
    public void Bad_message_is_dropped(string message)
    {
        Send(message + "text");
        Assert.Null(_console.Error);
        Assert.Equal("text", _inner.Text);
    }

    [Fact]
    public void Message_without_an_end_and_entries_without_number_keep_no_memory()
    {
        string flood = "\u001b_t0ken;" + new string('a', 2 * LoaderConsole.MaximumMessageBytes);
        Send(flood);
        Assert.Equal(flood, _inner.Text);
        for (int i = 0; i < 2 * LoaderConsole.MaximumEntries; i++) Send(Message("entry", "grub\t0\ta\tb\tc\td\te"));
        Assert.Equal(LoaderConsole.MaximumEntries, _console.Entries.Count);
    }

    public void Dispose() => _console.Dispose();

    private static string Message(string kind, string text) => $"\u001b_t0ken;{kind};{Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}\u001b\\";

    private void Send(string text) => _console.Write(Encoding.UTF8.GetBytes(text));

    private sealed class KeptConsole : IConsole
    {
        private readonly List<byte> _bytes = [];

        public string Text => Encoding.UTF8.GetString([.. _bytes]);

        public void Write(ReadOnlySpan<byte> bytes) => _bytes.AddRange(bytes);

        public void Start(Action<ReadOnlyMemory<byte>> receiver)
        {
        }

        public void Dispose()
        {
        }
    }
}
