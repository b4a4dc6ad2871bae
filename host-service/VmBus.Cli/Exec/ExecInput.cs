using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.Cli.Exec;

/// <summary>Sends what comes from a descriptor to a command in the guest, as far as the guest has room, on a thread of its own.</summary>
/// <param name="descriptor">Where it comes from.</param>
/// <param name="send">Sends a frame; any thread.</param>
internal sealed class ExecInput(int descriptor, ExecInput.FrameSink send)
{
    private readonly object _gate = new();
    private int _room = ExecProtocol.InputWindowBytes;

    /// <summary>Takes a frame's type and payload.</summary>
    internal delegate void FrameSink(GuestBoundFrame type, ReadOnlySpan<byte> payload);

    /// <summary>Begins. The thread does not keep the process alive: nobody can end a read of a terminal.</summary>
    public void Start() => new Thread(Carry) { Name = "input", IsBackground = true }.Start();

    /// <summary>The guest has room for more.</summary>
    /// <returns>False when that is more than was sent, so that the guest is not to be believed.</returns>
    public bool TryAllow(int bytes)
    {
        lock (_gate)
        {
            if (bytes > ExecProtocol.InputWindowBytes - _room) return false;
            _room += bytes;
            System.Threading.Monitor.Pulse(_gate);
            return true;
        }
    }

    private void Carry()
    {
        byte[] buffer = new byte[ExecProtocol.MaximumPayloadBytes];
        var poll = new PollSet();
        while (true)
        {
            int room;
            lock (_gate)
            {
                while (_room == 0) System.Threading.Monitor.Wait(_gate);
                room = _room;
            }

            int result = DescriptorIo.Read(descriptor, buffer.AsSpan(0, Math.Min(room, buffer.Length)));
            if (result == -Errno.EAGAIN)
            {
                // Another program has made it non-blocking.
                poll.Clear();
                poll.Add(descriptor, read: true);
                poll.Wait(-1);
                continue;
            }

            if (result <= 0) break;
            lock (_gate) _room -= result;
            send(GuestBoundFrame.Input, buffer.AsSpan(0, result));
        }

        send(GuestBoundFrame.InputEnd, []);
    }
}
