using System.Net.Sockets;
using VmBus.Native.Linux;

namespace VmBus.Host.Consoles;

/// <summary>A console that one client at a time reaches over a Unix socket. What the guest sends while nobody is connected waits, up to the queue's size.</summary>
public sealed class UnixSocketConsole : IConsole
{
    private readonly string _path;
    private readonly Socket _listener;
    private readonly Lock _lock = new();
    private readonly OutputQueue _queue = new();
    private readonly EventFd _wake = EventFd.Create();
    private readonly Thread _thread;
    private Socket? _client;
    private Action<ReadOnlyMemory<byte>>? _receiver;
    private volatile bool _stopping;

    /// <summary>Listens at <paramref name="path"/>; the file must not exist and is removed at the end.</summary>
    /// <exception cref="SocketException">The path is taken, too long, or not writable.</exception>
    public UnixSocketConsole(string path)
    {
        _path = path;
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(1);
        }
        catch
        {
            _listener.Dispose();
            throw;
        }

        _thread = NewThread();
    }

    /// <summary>Serves a socket that listens at <paramref name="path"/> already; the file is removed at the end if that may be.</summary>
    /// <param name="path">Where it listens.</param>
    /// <param name="open">The socket, taken over.</param>
    public UnixSocketConsole(string path, LinuxFile open)
    {
        _path = path;
        _listener = new Socket(new SafeSocketHandle(open.Release(), ownsHandle: true));
        _thread = NewThread();
    }

    /// <inheritdoc/>
    public void Start(Action<ReadOnlyMemory<byte>> receiver)
    {
        _receiver = receiver;
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _queue.Append(bytes);
            SendQueued();
            if (_queue.Count > 0) _wake.Signal();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        _wake.Signal();
        lock (_lock)
        {
            SendQueued();
            _client?.Shutdown(SocketShutdown.Both);
        }

        _listener.Shutdown(SocketShutdown.Both);
        if (_thread.IsAlive) _thread.Join();
        _listener.Dispose();
        _wake.Dispose();
        try
        {
            File.Delete(_path);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            // It is in a folder of whoever has made it, which this process may not even see.
        }
    }

    private Thread NewThread() => new(Serve, maxStackSize: 256 * 1024) { Name = "console", IsBackground = true };

    private void Serve()
    {
        byte[] buffer = new byte[1024];
        while (!_stopping)
        {
            try
            {
                using Socket client = _listener.Accept();
                lock (_lock)
                {
                    _client = client;
                    SendQueued();
                }

                Receive(client, buffer);
            }
            catch (SocketException)
            {
                // The client left, or Dispose ended the wait.
            }

            lock (_lock) _client = null;
        }
    }

    private void Receive(Socket client, byte[] buffer)
    {
        int descriptor = (int)client.Handle;
        while (!_stopping)
        {
            int waiting;
            lock (_lock) waiting = _queue.Count;
            (bool readable, bool writable) = DescriptorIo.Wait(descriptor, waiting > 0 ? descriptor : -1, _wake);
            _wake.Drain();
            if (writable)
            {
                lock (_lock) SendQueued();
            }

            if (!readable) continue;
            int count = client.Receive(buffer);
            if (count == 0) return;
            _receiver!(buffer.AsMemory(0, count));
        }
    }

    // Sends what the client takes without blocking; the thread sends the rest when the client takes more.
    private void SendQueued()
    {
        while (_client is { } client && _queue.Count > 0)
        {
            try
            {
                if (!client.Poll(0, SelectMode.SelectWrite)) return;
                ReadOnlySpan<byte> head = _queue.Head;
                _queue.Remove(client.Send(head[..Math.Min(head.Length, 4096)]));
            }
            catch (SocketException)
            {
                _client = null;
            }
        }
    }
}
