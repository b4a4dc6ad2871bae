using VmBus.Memory.Guest;
using VmBus.Protocol.Ring;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>A packet that the host sent.</summary>
internal sealed record SentPacket(PacketType Type, byte[] Payload, ulong TransactionId);

/// <summary>
/// A channel without a bus: the test feeds packets, says how much room the guest's ring has, ends commands when it likes, and runs posted
/// work when it likes. Fails the test when the endpoint breaks its side of the contract.
/// </summary>
internal sealed class ScriptedChannel(uint id, GuestMemory memory) : IStorageChannel
{
    private readonly Queue<Action> _posted = new();
    private readonly HashSet<ScsiRequest> _running = [];

    public List<SentPacket> Sent { get; } = [];

    /// <summary>Commands that were started and not ended, oldest first.</summary>
    public List<ScsiRequest> Running { get; } = [];

    /// <summary>Packets that still fit the guest's ring.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>Ends a command from within its start; null keeps it running.</summary>
    public Action<ScsiRequest>? OnExecute { get; set; }

    public int Resumed { get; private set; }

    public int Touched { get; private set; }

    public int TargetResets { get; private set; }

    public int? OfferedSubchannels { get; private set; }

    public bool IsClosed { get; private set; }

    public int PostedCount => _posted.Count;

    public uint Id => id;

    public GuestMemory Memory => memory;

    public bool ExpectsCompletions { get; set; }

    /// <summary>Whether sent packets are kept.</summary>
    public bool Record { get; set; } = true;

    public bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
    {
        Assert.False(IsClosed, "Sent on a closed channel.");
        if (payload.Length is < 48 or > 64) Assert.Fail($"Sent {payload.Length} bytes.");
        if (Room == 0) return false;
        Room--;
        if (Record) Sent.Add(new SentPacket(type, payload.ToArray(), transactionId));
        return true;
    }

    public void Resume()
    {
        Assert.False(IsClosed, "Resumed a closed channel.");
        Resumed++;
    }

    public void Touch() => Touched++;

    public void OfferSubchannels(int count) => OfferedSubchannels = count;

    public void Execute(ScsiRequest request)
    {
        Assert.False(IsClosed, "Started a command on a closed channel.");
        Assert.True(_running.Add(request), "Started a request that is running already.");
        Running.Add(request);
        if (OnExecute is null) return;
        OnExecute(request);
        End(request);
    }

    /// <summary>Ends a running command with what the test has set on it.</summary>
    public void End(ScsiRequest request)
    {
        Assert.True(_running.Remove(request));
        Running.Remove(request);
        request.Complete();
    }

    /// <summary>Ends the oldest command: done, all bytes moved.</summary>
    public void EndOldest()
    {
        ScsiRequest request = Running[0];
        request.Transferred = request.Data.Bytes;
        End(request);
    }

    public void ResetTarget()
    {
        Assert.Empty(Running);
        TargetResets++;
    }

    public void Post(Action work) => _posted.Enqueue(work);

    /// <summary>Runs posted work; work posted meanwhile too.</summary>
    public void RunPosted()
    {
        while (_posted.TryDequeue(out Action? work)) work();
    }

    public void Closed()
    {
        Assert.False(IsClosed, "Closed twice.");
        Assert.Empty(Running);
        IsClosed = true;
    }
}
