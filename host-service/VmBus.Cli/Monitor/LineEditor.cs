using System.Text;

namespace VmBus.Cli.Monitor;

/// <summary>Makes lines of keys: backspace, Ctrl-U and Ctrl-C as on a terminal, bounded, UTF-8. One thread.</summary>
internal sealed class LineEditor
{
    // A path and its options fit; more than that is no command.
    private const int MaximumBytes = 8192;
    private const byte Interrupt = 3;
    private const byte Backspace = 8;
    private const byte LineFeed = 10;
    private const byte CarriageReturn = 13;
    private const byte EraseLine = 21;
    private const byte Delete = 127;

    private readonly List<byte> _line = [];
    private byte _previous;

    /// <summary>Takes a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="echo">What a terminal shows for it.</param>
    /// <returns>The line when this ends it, else null.</returns>
    public string? Type(byte key, out string echo)
    {
        bool secondOfPair = key == LineFeed && _previous == CarriageReturn;
        _previous = key;
        echo = "";
        switch (key)
        {
            case CarriageReturn or LineFeed:
                if (secondOfPair) return null;
                echo = "\n";
                string line = Encoding.UTF8.GetString([.. _line]);
                _line.Clear();
                return line;
            case Backspace or Delete:
                if (_line.Count > 0) echo = EraseCharacter();
                return null;
            case Interrupt or EraseLine:
                while (_line.Count > 0) echo += EraseCharacter();
                return null;
            default:
                if (key >= ' ' && _line.Count < MaximumBytes)
                {
                    _line.Add(key);
                    // The bytes of one character are shown together.
                    if (key < 0x80) echo = ((char)key).ToString();
                    else if (Rune.DecodeLastFromUtf8(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_line), out Rune rune, out _)
                        == System.Buffers.OperationStatus.Done) echo = rune.ToString();
                }

                return null;
        }
    }

    private string EraseCharacter()
    {
        // Continuation bytes of UTF-8 belong to the byte before them.
        byte last;
        do
        {
            last = _line[^1];
            _line.RemoveAt(_line.Count - 1);
        }
        while ((last & 0xC0) == 0x80 && _line.Count > 0);
        return "\b \b";
    }
}
