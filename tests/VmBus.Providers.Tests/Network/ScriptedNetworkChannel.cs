using VmBus.Memory.Guest;
using VmBus.Network.Links;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>A packet that the host sent.</summary>
internal sealed record HostPacket(PacketType Type, byte[] Header, byte[] Payload, ulong TransactionId, ushort Flags);

/// <summary>A buffer that the test lends.</summary>
internal sealed class ScriptedBuffer(GuestRegion memory) : INetworkBuffer
{
    /// <summary>How often it was given to the endpoint.</summary>
    public int Taken { get; set; }

    public int Released { get; private set; }

    public GuestRegion Memory => memory;

    public void Release() => Released++;
}

/// <summary>A channel without a bus: fails the test when the endpoint breaks its side of the contract.</summary>
internal sealed class ScriptedNetworkChannel(uint id, int index, GuestMemory memory, FakeLink link) : INetworkChannel
{
    private readonly Queue<Action> _posted = new();

    public List<HostPacket> Sent { get; } = [];

    public Dictionary<uint, ScriptedBuffer> Buffers { get; } = [];

    /// <summary>Who waits for an answer on a buffer, when <see cref="AnswerBuffers"/> is false.</summary>
    public List<(uint Gpadl, IBufferHolder Holder)> Asked { get; } = [];

    public bool AnswerBuffers { get; set; } = true;

    public int Room { get; set; } = int.MaxValue;

    /// <summary>Whether sent packets are kept.</summary>
    public bool Record { get; set; } = true;

    /// <summary>The last packet's id.</summary>
    public ulong LastId { get; private set; }

    public int Resumed { get; private set; }

    public int? OfferedSubchannels { get; private set; }

    public string? Failure { get; private set; }

    public bool IsClosed { get; private set; }

    public FakeLinkQueue? Queue { get; private set; }

    public uint Id => id;

    public int Index => index;

    public GuestMemory Memory => memory;

    public bool ExpectsCompletions { get; set; }

    public bool IsSealed { get; private set; }

    /// <summary>Whether the guest has taken what was sent.</summary>
    public bool IsTaken { get; set; } = true;

    public bool TrySettle(bool seal) => (IsSealed = seal) && IsTaken;

    public bool TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
    {
        Assert.False(IsClosed, "Sent on a closed channel.");
        if (Room == 0) return false;
        Room--;
        LastId = transactionId;
        if (Record) Sent.Add(new HostPacket(type, header.ToArray(), payload.ToArray(), transactionId, flags));
        return true;
    }

    public void Resume() => Resumed++;

    public void OfferSubchannels(int count) => OfferedSubchannels = count;

    public bool TryTakeBuffer(uint gpadl, IBufferHolder holder)
    {
        if (AnswerBuffers) _posted.Enqueue(() => Answer(gpadl, holder));
        else Asked.Add((gpadl, holder));
        return true;
    }

    public void Fail(string reason) => Failure = reason;

    public ILinkQueue? OpenQueue(IFrameReceiver receiver) => Queue = link.Open(receiver);

    public void Post(Action work) => _posted.Enqueue(work);

    public void RunPosted()
    {
        while (_posted.TryDequeue(out Action? work)) work();
    }

    private void Answer(uint gpadl, IBufferHolder holder)
    {
        ScriptedBuffer? buffer = Buffers.GetValueOrDefault(gpadl);
        if (buffer is not null) buffer.Taken++;
        holder.BufferTaken(buffer);
    }

    public void Closed()
    {
        Assert.False(IsClosed, "Closed twice.");
        IsClosed = true;
    }
}
