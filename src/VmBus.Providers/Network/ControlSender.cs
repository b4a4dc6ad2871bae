using System.Buffers.Binary;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;

namespace VmBus.Providers.Network;

/// <summary>RNDIS answers and notices on their way to the guest, by the first sections of the receive buffer. The primary channel's lane.</summary>
internal sealed class ControlSender(INetworkChannel channel, NetworkSession session)
{
    private const int MaximumWaiting = 64;

    private readonly Queue<byte[]> _waiting = new();
    private readonly byte[] _header = new byte[16];
    private readonly byte[] _message = new byte[40];
    private SharedBuffer? _buffer;
    private ReceiveLayout _layout;
    private bool[] _busy = [];
    private int _stale;

    /// <summary>Whether the guest has something of its own still to get, or to give back.</summary>
    public bool IsOwed => _waiting.Count != 0 || _busy.Contains(true);

    /// <summary>Begins to use a buffer that has been entered.</summary>
    public void Start(SharedBuffer buffer, in ReceiveLayout layout)
    {
        _buffer = buffer;
        _layout = layout;
        _busy = new bool[layout.ControlSections];
    }

    /// <summary>Lets go of the buffer: nothing is sent any more.</summary>
    public void Stop()
    {
        _waiting.Clear();
        if (_buffer is null) return;
        _stale += _busy.Count(static busy => busy);
        _busy = [];
        _buffer.Leave();
        _buffer = null;
    }

    /// <summary>Forgets what waits: the guest has halted.</summary>
    public void Clear() => _waiting.Clear();

    /// <summary>Sends a message, or keeps it for later. False when too many wait already.</summary>
    public bool TrySend(ReadOnlySpan<byte> message)
    {
        if (_buffer is null) return true;
        if (_waiting.Count == 0 && TryPut(message)) return true;
        if (_waiting.Count == MaximumWaiting) return false;
        _waiting.Enqueue(message.ToArray());
        return true;
    }

    /// <summary>Sends what waits, as far as there is room.</summary>
    public void SendWaiting()
    {
        while (_waiting.TryPeek(out byte[]? message) && TryPut(message)) _waiting.Dequeue();
    }

    /// <summary>The guest has done with a packet. False when there is no such packet.</summary>
    public bool TryComplete(ulong transactionId)
    {
        if (transactionId < (ulong)_busy.Length && _busy[transactionId])
        {
            _busy[transactionId] = false;
            return true;
        }

        if (_stale == 0) return false;
        _stale--;
        return true;
    }

    private bool TryPut(ReadOnlySpan<byte> message)
    {
        int section = Array.IndexOf(_busy, false);
        if (section < 0 || _buffer is not { } buffer) return false;
        uint offset = (uint)(section * _layout.SectionBytes);
        _ = buffer.Memory.TryWrite(offset, message);
        BinaryPrimitives.WriteUInt16LittleEndian(_header, buffer.Id);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(8), (uint)message.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(12), offset);
        new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(_message);
        _busy[section] = channel.TrySend(
            PacketType.DataUsingTransferPages, _header, _message.AsSpan(0, session.Version.MessageBytes()), (ulong)section,
            PacketDescriptor.CompletionRequested);
        return _busy[section];
    }
}
