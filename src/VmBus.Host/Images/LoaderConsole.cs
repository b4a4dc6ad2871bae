using System.Text;
using VmBus.Host.Consoles;

namespace VmBus.Host.Images;

/// <summary>Stands before a console, takes the loader's messages out of what the guest sends, and passes on the rest.</summary>
/// <remarks>
/// A message is <c>ESC _ TOKEN ; KIND ; BASE64 ESC \</c> (protocol-spec/loader.md). They are looked for from <see cref="Arm"/> until the loader says that it is
/// done: what the guest's own system prints passes unseen. Everything in a message is the guest's input: its length and number are bounded, a bad one is
/// dropped. <see cref="Write"/> belongs to the port's thread; the rest to any.
/// </remarks>
public sealed class LoaderConsole : IConsole
{
    /// <summary>Most bytes of one message.</summary>
    public const int MaximumMessageBytes = 16 * 1024;

    /// <summary>Most entries that are kept.</summary>
    public const int MaximumEntries = 500;

    private const byte Escape = 0x1b;

    private readonly IConsole _inner;
    private readonly byte[] _opening;
    private readonly Action _ended;
    private readonly Lock _lock = new();
    private readonly List<byte> _held = [];
    private readonly List<BootEntry> _entries = [];
    private volatile bool _armed = true;
    private string? _error;

    /// <summary>Stands before <paramref name="inner"/>, which stays the caller's.</summary>
    /// <param name="inner">Gets all that is no message.</param>
    /// <param name="token">What the messages begin with.</param>
    /// <param name="ended">Called when there is nothing left to wait for: the loader has failed.</param>
    public LoaderConsole(IConsole inner, string token, Action ended)
    {
        _inner = inner;
        _opening = Encoding.ASCII.GetBytes($"\u001b_{token};");
        _ended = ended;
    }

    /// <summary>Stands before the console of a partition, and ends the partition when the loader cannot boot the image.</summary>
    /// <param name="inner">The console, which stays the caller's.</param>
    /// <param name="request">What the loader was asked.</param>
    /// <param name="partition">The partition, before it runs.</param>
    public static LoaderConsole Before(IConsole inner, LoaderRequest request, Partition partition)
    {
        var console = new LoaderConsole(inner, request.Token, partition.Terminate);
        partition.Happened += happened =>
        {
            if (happened is PartitionEvent.Reset) console.Arm();
        };
        return console;
    }

    /// <summary>Why the loader could not boot the image, in one line; null while it has not said so.</summary>
    public string? Error
    {
        get
        {
            lock (_lock) return _error;
        }
    }

    /// <summary>The entries that the loader has told.</summary>
    public IReadOnlyList<BootEntry> Entries
    {
        get
        {
            lock (_lock) return [.. _entries];
        }
    }

    /// <summary>Whether the loader has not come to its end yet.</summary>
    public bool IsLoading => _armed;

    /// <summary>The machine starts again, and with it the loader. One that had not come to its end will not this time either, and <see cref="Error"/> says so.</summary>
    public void Arm()
    {
        if (_armed) Fail("the loader has reset the machine instead of booting the image");
        _armed = true;
    }

    /// <inheritdoc/>
    public void Start(Action<ReadOnlyMemory<byte>> receiver) => _inner.Start(receiver);

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_held.Count == 0)
            {
                int escape = _armed ? bytes.IndexOf(Escape) : -1;
                ReadOnlySpan<byte> plain = escape < 0 ? bytes : bytes[..escape];
                if (!plain.IsEmpty) _inner.Write(plain);
                if (escape < 0) return;
                bytes = bytes[escape..];
            }

            Hold(bytes[0]);
            bytes = bytes[1..];
        }
    }

    /// <summary>Nothing: the console it stands before is the caller's.</summary>
    public void Dispose()
    {
    }

    private void Hold(byte next)
    {
        int count = _held.Count;
        bool possible = count < _opening.Length ? next == _opening[count] : count < MaximumMessageBytes;
        if (!possible)
        {
            // No message after all; a new one may begin with this byte.
            Release();
            if (next == Escape) _held.Add(next);
            else _inner.Write([next]);
            return;
        }

        _held.Add(next);
        if (count < _opening.Length || next != (byte)'\\' || _held[count - 1] != Escape) return;
        string body = Encoding.ASCII.GetString([.. _held.Take(count - 1).Skip(_opening.Length)]);
        _held.Clear();
        Take(body);
    }

    private void Release()
    {
        byte[] held = [.. _held];
        _held.Clear();
        if (held.Length > 0) _inner.Write(held);
    }

    private void Take(string body)
    {
        int semicolon = body.IndexOf(';', StringComparison.Ordinal);
        byte[] content = new byte[body.Length];
        if (semicolon < 0 || !Convert.TryFromBase64String(body[(semicolon + 1)..], content, out int length)) return;
        string text = Encoding.UTF8.GetString(content, 0, length);
        switch (body[..semicolon])
        {
            case "error":
                Fail(LoaderText.Clean(text));
                break;
            case "entry":
                if (BootEntry.Parse(text) is not { } entry) return;
                lock (_lock)
                {
                    if (_entries.Count < MaximumEntries) _entries.Add(entry);
                }

                break;
            case "boot":
                _armed = false;
                break;
            default:
                break;
        }
    }

    private void Fail(string error)
    {
        lock (_lock) _error ??= error;
        _ended();
    }
}
