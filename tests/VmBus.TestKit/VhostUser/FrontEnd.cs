using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using Xunit;

namespace VmBus.TestKit.VhostUser;

/// <summary>The front-end's half of vhost-user, as a virtual machine monitor speaks it; it says what a test tells it to say, right or wrong.</summary>
public sealed class FrontEnd : IDisposable
{
    /// <summary>Where the front-end has its memory, which is not where the guest has it.</summary>
    public const ulong UserAddress = 0x7F00_0000_0000;

    private readonly DescriptorSocket _socket;

    private FrontEnd(DescriptorSocket socket) => _socket = socket;

    /// <summary>Connects, when somebody listens.</summary>
    public static FrontEnd Connect(string path)
    {
        LinuxFile? connection = UnixSocket.TryConnect(path, out int errno);
        Assert.True(connection is not null, $"{path}: {LinuxException.DescribeError(errno)}");
        return new FrontEnd(DescriptorSocket.Take(connection));
    }

    /// <summary>Sends bytes that need not be a message.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes, SafeHandle? attachment = null) => _ = _socket.Send(bytes, attachment);

    /// <summary>Sends a message.</summary>
    public void Send(VhostUserRequest request, ReadOnlySpan<byte> payload, SafeHandle? attachment = null, bool needReply = false)
    {
        byte[] message = new byte[VhostUserHeader.Size + payload.Length];
        uint flags = VhostUserHeader.Version | (needReply ? VhostUserHeader.NeedReply : 0);
        new VhostUserHeader((uint)request, flags, payload.Length).Write(message);
        payload.CopyTo(message.AsSpan(VhostUserHeader.Size));
        _ = _socket.Send(message, attachment);
    }

    /// <summary>Sends numbers of 4 bytes.</summary>
    public void Send(VhostUserRequest request, uint first, uint second) => Send(request, [.. Bytes(first), .. Bytes(second)]);

    /// <summary>Sends a number of 8 bytes.</summary>
    public void Send(VhostUserRequest request, ulong value, SafeHandle? attachment = null) => Send(request, Bytes(value), attachment);

    /// <summary>Waits for the reply to a request.</summary>
    /// <returns>Its payload; null when the connection is at its end.</returns>
    public byte[]? Receive(VhostUserRequest request) => Receive(request, out _);

    /// <summary>Waits for the reply to a request.</summary>
    /// <param name="request">Which.</param>
    /// <param name="descriptor">What came with it; -1 for nothing.</param>
    /// <returns>Its payload; null when the connection is at its end.</returns>
    public byte[]? Receive(VhostUserRequest request, out int descriptor)
    {
        descriptor = -1;
        byte[] header = new byte[VhostUserHeader.Size];
        if (!Fill(header, ref descriptor)) return null;
        Assert.Equal((uint)request, BinaryPrimitives.ReadUInt32LittleEndian(header));
        Assert.Equal(VhostUserHeader.Version | VhostUserHeader.Reply, BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)));
        byte[] payload = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8))];
        Assert.True(Fill(payload, ref descriptor));
        return payload;
    }

    /// <summary>Asks for a number of 8 bytes.</summary>
    public ulong Get(VhostUserRequest request)
    {
        Send(request, []);
        return BinaryPrimitives.ReadUInt64LittleEndian(Receive(request)!);
    }

    /// <summary>Whether the back-end has ended the connection. Waits for it.</summary>
    public bool IsEnded()
    {
        int descriptor = -1;
        return !Fill(new byte[1], ref descriptor);
    }

    /// <summary>Shares memory as one region, whose guest address is 0.</summary>
    public void ShareMemory(GuestMemory memory)
    {
        byte[] payload = [.. Bytes(1U), .. Bytes(0U), .. Bytes(0UL), .. Bytes(memory.Bytes), .. Bytes(UserAddress), .. Bytes(0UL)];
        Send(VhostUserRequest.SetMemoryTable, payload, memory.File);
    }

    public void Dispose() => _socket.Dispose();

    public static byte[] Bytes(uint value)
    {
        byte[] bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    public static byte[] Bytes(ulong value)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    private bool Fill(Span<byte> target, ref int descriptor)
    {
        int[] received = new int[DescriptorSocket.MaximumDescriptors];
        while (!target.IsEmpty)
        {
            int bytes = _socket.Receive(target, received, out int count);
            if (count > 0) descriptor = received[0];
            if (bytes <= 0) return false;
            target = target[bytes..];
        }

        return true;
    }
}
