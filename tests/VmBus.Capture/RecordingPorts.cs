using VmBus.Bus.Ports;
using VmBus.Host.Joins;
using VmBus.Machine.Hypercalls;
using VmBus.Machine.Processors;
using VmBus.Memory.Guest;
using VmBus.Native.Kvm;
using VmBus.Native.Linux;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Capture;

/// <summary>Stands between machine and bus: writes down every channel message of both sides, and the guest's first hypercalls of each kind.</summary>
/// <remarks>
/// Signals are not bound in the kernel, so that each reaches user space as a hypercall and can be seen; they are passed on to the eventfd here.
/// </remarks>
internal sealed class RecordingPorts(BusBridge bridge, GuestMemory memory, Recording recording) : IMessagePort, IEventPort, IHypercallSink
{
    private const int HypercallsOfAKind = 4;
    private const int PostHeaderBytes = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<uint, EventFd> _kicks = [];
    private int _posts;
    private int _signals;

    /// <summary>Whose run pages hold the hypercalls' registers.</summary>
    public IReadOnlyList<VirtualProcessor> Processors { private get; set; } = [];

    int IMessagePort.Queued => ((IMessagePort)bridge).Queued;

    void IMessagePort.SetTarget(uint virtualProcessor) => ((IMessagePort)bridge).SetTarget(virtualProcessor);

    void IMessagePort.Post(ReadOnlySpan<byte> message)
    {
        recording.Add(Topic.Channel, false, NameOf(message), message);
        ((IMessagePort)bridge).Post(message);
    }

    void IMessagePort.Clear() => ((IMessagePort)bridge).Clear();

    bool IEventPort.TryBind(uint connectionId, EventFd kick)
    {
        lock (_gate) return _kicks.TryAdd(connectionId, kick);
    }

    void IEventPort.Unbind(uint connectionId)
    {
        lock (_gate) _kicks.Remove(connectionId);
    }

    HypercallStatus IHypercallSink.PostMessage(uint connectionId, uint messageType, ReadOnlySpan<byte> payload)
    {
        recording.Add(Topic.Channel, true, NameOf(payload), payload);
        if (Interlocked.Increment(ref _posts) <= HypercallsOfAKind)
        {
            KvmRunPage run = RunPage();
            var input = new byte[PostHeaderBytes + payload.Length];
            if (!memory.TryRead(new Gpa(run.HypercallFirst), input)) throw new InvalidOperationException("The message has left guest memory.");
            recording.Add(Topic.Synic, true, $"hypercall 0x{run.HypercallInput:x} input", input);
        }

        return ((IHypercallSink)bridge).PostMessage(connectionId, messageType, payload);
    }

    HypercallStatus IHypercallSink.SignalEvent(uint connectionId, ushort flag)
    {
        if (Interlocked.Increment(ref _signals) <= HypercallsOfAKind)
        {
            KvmRunPage run = RunPage();
            var register = new byte[sizeof(ulong)];
            WriteUInt64LittleEndian(register, run.HypercallFirst);
            recording.Add(Topic.Synic, true, $"hypercall 0x{run.HypercallInput:x} register", register);
        }

        lock (_gate)
        {
            if (!_kicks.TryGetValue(connectionId, out EventFd? kick)) return HypercallStatus.InvalidConnectionId;
            kick.Signal();
            return HypercallStatus.Success;
        }
    }

    private static string NameOf(ReadOnlySpan<byte> message)
    {
        uint number = ReadUInt32LittleEndian(message);
        return MessageTable.Rows.FirstOrDefault(row => row.Number == number)?.Name ?? $"message {number}";
    }

    // Sinks are called on the thread of the processor that made the hypercall.
    private KvmRunPage RunPage() => Processors.Single(processor => processor.IsCurrent).Vcpu.RunPage;
}
