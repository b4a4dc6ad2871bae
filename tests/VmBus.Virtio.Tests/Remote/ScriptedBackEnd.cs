using System.Buffers.Binary;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A back-end that offers what a test says, has a configuration of zeroes, and serves nothing.</summary>
internal sealed class ScriptedBackEnd : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-virtio-").FullName;
    private readonly LinuxFile _listener;
    private readonly Thread _thread;
    private readonly ulong _features;
    private readonly ulong _protocol;

    internal ScriptedBackEnd(ulong features, ulong protocol)
    {
        _features = features;
        _protocol = protocol;
        Socket = Path.Combine(_folder, "s");
        _listener = UnixSocket.Claim(Socket, blocking: true);
        _thread = new Thread(Serve) { IsBackground = true };
        _thread.Start();
    }

    internal string Socket { get; }

    public void Dispose()
    {
        _thread.Join();
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Serve()
    {
        using var socket = DescriptorSocket.Take(UnixSocket.TryAccept(_listener, out _)!);
        byte[] header = new byte[VhostUserHeader.Size];
        while (Fill(socket, header) && VhostUserHeader.TryRead(header, out VhostUserHeader message))
        {
            byte[] payload = new byte[message.PayloadBytes];
            if (!Fill(socket, payload)) return;
            switch ((VhostUserRequest)message.Request)
            {
                case VhostUserRequest.GetFeatures:
                    Reply(socket, message, Bytes(_features));
                    break;
                case VhostUserRequest.GetProtocolFeatures:
                    Reply(socket, message, Bytes(_protocol));
                    break;
                case VhostUserRequest.GetConfig:
                    Reply(socket, message, payload);
                    break;
            }
        }
    }

    private static bool Fill(DescriptorSocket socket, Span<byte> target)
    {
        int[] descriptors = new int[DescriptorSocket.MaximumDescriptors];
        while (!target.IsEmpty)
        {
            int received = socket.Receive(target, descriptors, out int count);
            foreach (int descriptor in descriptors.AsSpan(0, count)) DescriptorSocket.Close(descriptor);
            if (received <= 0) return false;
            target = target[received..];
        }

        return true;
    }

    private static void Reply(DescriptorSocket socket, in VhostUserHeader message, byte[] payload)
    {
        byte[] reply = new byte[VhostUserHeader.Size + payload.Length];
        new VhostUserHeader(message.Request, VhostUserHeader.Version | VhostUserHeader.Reply, payload.Length).Write(reply);
        payload.CopyTo(reply, VhostUserHeader.Size);
        _ = socket.Send(reply);
    }

    private static byte[] Bytes(ulong value)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }
}
