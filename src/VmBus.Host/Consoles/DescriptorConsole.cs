using VmBus.Native.Linux;

namespace VmBus.Host.Consoles;

/// <summary>A console on descriptors: standard input and output, or a file that only takes output.</summary>
public sealed class DescriptorConsole : IConsole
{
    private readonly EventFd _wake = EventFd.Create();
    private readonly int _input;
    private readonly int _output;
    private readonly IDisposable? _owned;
    private Thread? _reader;
    private volatile bool _stopping;

    /// <summary>A console on two descriptors.</summary>
    /// <param name="input">Where typed bytes come from, or -1.</param>
    /// <param name="output">Where the guest's bytes go.</param>
    /// <param name="owned">Disposed with the console: the file or the terminal mode behind the descriptors.</param>
    public DescriptorConsole(int input, int output, IDisposable? owned)
    {
        _input = input;
        _output = output;
        _owned = owned;
    }

    /// <inheritdoc/>
    public void Start(Action<ReadOnlyMemory<byte>> receiver)
    {
        if (_input < 0) return;
        _reader = new Thread(() => Read(receiver), maxStackSize: 256 * 1024) { Name = "console", IsBackground = true };
        _reader.Start();
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int done = DescriptorIo.Write(_output, bytes);
            // A descriptor that others made non-blocking is waited for.
            if (done == -Errno.EAGAIN) DescriptorIo.Wait(-1, _output, _wake);
            else if (done < 0) throw new LinuxException("Writing to the console failed", -done);
            else bytes = bytes[done..];
            if (_stopping) return;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        _wake.Signal();
        _reader?.Join();
        _owned?.Dispose();
        _wake.Dispose();
    }

    private void Read(Action<ReadOnlyMemory<byte>> receiver)
    {
        byte[] buffer = new byte[1024];
        while (!_stopping)
        {
            (bool readable, _) = DescriptorIo.Wait(_input, -1, _wake);
            if (!readable || _stopping) continue;
            int count = DescriptorIo.Read(_input, buffer);
            if (count > 0) receiver(buffer.AsMemory(0, count));
            else if (count != -Errno.EAGAIN) return;
        }
    }
}
