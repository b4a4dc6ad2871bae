using System.Text;
using VmBus.Fuzz.Engine;
using VmBus.Host.Consoles;
using VmBus.Host.Images;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>What a guest prints while the loader is waited for: messages and anything else, in pieces. What is no message passes unchanged, and what is told fits a terminal.</summary>
internal sealed class LoaderTarget : IFuzzTarget
{
    private const string Token = "t0ken";

    // A few messages of the longest kind.
    private const int MostBytes = 1 << 16;
    private static readonly string[] Kinds = ["error", "entry", "boot", "other", ""];
    private static readonly string[] Texts = ["", "no boot entry\u001b[2J\u202e on\nsda", "grub\t1\tid\ttitle\t/fs/sda1/k\t/fs/sda1/i\tro quiet", "a\tb\tc\td\te\tf\tg\th", "\t\t\t\t\t\t"];

    private readonly CountingConsole _inner = new();

    public string Name => "loader";

    public string What => "messages of the loader on the console";

    public IEnumerable<byte[]> Seeds => [[1, 1, 2, 0, 1, 0, 1, 0], [1, 2, 0, 0, 0, 5, 27, 95, 65, 27, 92, 2], [3, 200, 1, 1, 2, 0], [0, 8, 27, 95, 116, 48, 107, 101, 110, 59]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        _inner.Count = 0;
        int ended = 0;
        long written = 0;
        var console = new LoaderConsole(_inner, Token, () => ended++);
        while (!steps.IsEmpty && written < MostBytes)
        {
            switch (steps.Byte() % 4)
            {
                case 0:
                    written += Write(console, steps.Block(200), ref steps);
                    break;
                case 1:
                    written += Write(console, Message(ref steps), ref steps);
                    break;
                case 2:
                    console.Arm();
                    break;
                default:
                    // Begun, and not ended.
                    written += Write(console, [.. Encoding.ASCII.GetBytes($"\u001b_{Token};"), .. new byte[steps.Byte() * 80]], ref steps);
                    break;
            }

            Must(_inner.Count <= written, "More comes out than was written.");
        }

        Must(console.Entries.Count <= LoaderConsole.MaximumEntries, "More entries than are kept.");
        foreach (BootEntry entry in console.Entries)
        {
            foreach (string text in new[] { entry.Reader, entry.Id, entry.Title, entry.Kernel, entry.Initrds, entry.Options }) Must(!text.Any(char.IsControl), "A control character in an entry.");
        }

        Must((console.Error is null) == (ended == 0), "An error that nobody was told, or told without one.");
        Must(console.Error?.Any(char.IsControl) != true, "A control character in an error.");
    }

    public void Dispose() => _inner.Dispose();

    private static int Write(LoaderConsole console, byte[] bytes, ref FuzzInput input)
    {
        int piece = 1 + input.Byte();
        for (int at = 0; at < bytes.Length; at += piece) console.Write(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        return bytes.Length;
    }

    private static byte[] Message(ref FuzzInput input)
    {
        string kind = Kinds[input.Below(Kinds.Length)], text = Texts[input.Below(Texts.Length)];
        byte[] content = Encoding.UTF8.GetBytes(text);
        input.Change(content);
        byte[] message = Encoding.ASCII.GetBytes($"\u001b_{Token};{kind};{Convert.ToBase64String(content)}\u001b\\");
        if ((input.Byte() & 7) == 7) input.Change(message);
        return message;
    }

    private sealed class CountingConsole : IConsole
    {
        public long Count { get; set; }

        public void Start(Action<ReadOnlyMemory<byte>> receiver)
        {
        }

        public void Write(ReadOnlySpan<byte> bytes) => Count += bytes.Length;

        public void Dispose()
        {
        }
    }
}
