using VmBus.Client.Transports;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests;

/// <summary>Stands between a guest and a sound host, and has the host break a rule.</summary>
internal sealed class TamperingTransport(IClientTransport inner) : IClientTransport
{
    private readonly Queue<byte[]> _waiting = new();

    /// <summary>Replaces a message of the host: by others, or by none.</summary>
    public Func<ClientBoundType, byte[], IEnumerable<byte[]>> FromHost { get; set; } = static (_, message) => [message];

    /// <summary>Decides whether a message of the guest reaches the host, and what the guest gets at once.</summary>
    public Func<ServerBoundType, byte[], (bool Passes, byte[][] Answers)> FromGuest { get; set; } = static (_, _) => (true, []);

    /// <summary>Decides what a signal finds; null leaves it.</summary>
    public Func<uint, bool?> OnSignal { get; set; } = static _ => null;

    /// <summary>Whether interrupts get through.</summary>
    public bool Interrupts { get; set; } = true;

    /// <summary>Whether interrupts come that the host has not raised.</summary>
    public bool FalseInterrupts { get; set; }

    /// <summary>What a post on a connection gives; null leaves it.</summary>
    public Func<uint, PostResult?> OnPost { get; set; } = static _ => null;

    public GuestMemory Memory => inner.Memory;

    public PostResult Post(uint connectionId, ReadOnlySpan<byte> message)
    {
        if (OnPost(connectionId) is { } result) return result;
        (bool passes, byte[][] answers) = FromGuest(message.Length < 4 ? 0 : (ServerBoundType)ReadUInt32LittleEndian(message), message.ToArray());
        foreach (byte[] answer in answers) _waiting.Enqueue(answer);
        return passes ? inner.Post(connectionId, message) : PostResult.Accepted;
    }

    public int TakeMessage(Span<byte> destination, TimeSpan timeout)
    {
        while (_waiting.Count == 0)
        {
            byte[] message = new byte[256];
            int bytes = inner.TakeMessage(message, timeout);
            if (bytes < 0) return -1;
            foreach (byte[] sent in FromHost((ClientBoundType)ReadUInt32LittleEndian(message), message[..bytes])) _waiting.Enqueue(sent);
        }

        byte[] next = _waiting.Dequeue();
        next.CopyTo(destination);
        return next.Length;
    }

    public void Listen(uint processor, uint flag) => inner.Listen(processor, flag);

    public bool Signal(uint connectionId)
    {
        bool found = inner.Signal(connectionId);
        return OnSignal(connectionId) ?? found;
    }

    public bool WaitForInterrupt(uint flag, TimeSpan timeout) => FalseInterrupts || (Interrupts && inner.WaitForInterrupt(flag, timeout));

    public void Dispose()
    {
    }
}
