using VmBus.Host.Consoles;

namespace VmBus.Capture;

/// <summary>Keeps what the guest prints, and passes it on.</summary>
internal sealed class CapturedConsole : IConsole
{
    private readonly MemoryStream _text = new();
    private readonly Stream _output = Console.OpenStandardOutput();

    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_text) _text.Write(bytes);
        _output.Write(bytes);
        _output.Flush();
    }

    public void Start(Action<ReadOnlyMemory<byte>> receiver)
    {
    }

    public byte[] ToArray()
    {
        lock (_text) return _text.ToArray();
    }

    public void Dispose()
    {
        _text.Dispose();
        _output.Dispose();
    }
}
