using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.TestKit.Disks;
using VmBus.TestKit.VhostUser;
using VmBus.Virtio.VhostUser;
using static VmBus.Fuzz.Engine.PropertyException;
using BlockDevice = VmBus.Virtio.Block.BlockDevice;

namespace VmBus.Fuzz.Targets;

/// <summary>Sessions of a vhost-user back-end: messages of any bytes and descriptors from a front-end. Each ends, with nothing left of it.</summary>
/// <remarks>A session runs on the fuzzer's thread, with all messages before it and an end that no session survives; its queues run on a lane.</remarks>
internal sealed class VhostUserTarget : IFuzzTarget
{
    // What the runtime may open by itself meanwhile.
    private const int Slack = 64;
    private const int MostMessages = 40;

    private static readonly VhostUserRequest[] Requests = Enum.GetValues<VhostUserRequest>();

    // The rest of whatever was begun, and then no header.
    private static readonly byte[] End = [.. Enumerable.Repeat((byte)0xFF, VhostUserHeader.MaximumPayloadBytes + (2 * VhostUserHeader.Size))];

    private readonly Lane _lane = Lane.Start("fuzz-vhost", NullLogger.Instance, new LaneOptions());
    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly FakeDisk _disk = new();
    private readonly EventFd _signal = EventFd.Create();
    private int _sessions;

    public string Name => "vhost-user";

    public string What => "messages of vhost-user front-ends";

    public IEnumerable<byte[]> Seeds =>
    [
        [1, 1, 0, 1, 15, 0, 1, 3, 0, 2, 1, 8, 8, 0, 0, 16, 0, 0, 0, 1, 9, 40, 0], [1, 5, 40, 1, 0, 0, 0], [0, 20, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [2, 2], [2, 4, 0, 4, 0, 1, 11, 8, 0, 0, 0, 0, 0, 0, 0, 0],
        [2, 4, 0, 5, 4, 1, 5, 4, 2, 2],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        int lowest = LowestFree();
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (DescriptorSocket front = DescriptorSocket.Take(ours))
        {
            for (int messages = 0; messages < MostMessages && !steps.IsEmpty; messages++) Say(front, ref steps);
            // When all of what was said filled the connection, its end ends the session.
            if (front.Send(End, attachment: null, wait: false) < 0) front.Dispose();
            using var session = new VhostUserSession("fuzz", _sessions++, theirs, new BlockDevice(_disk, "serial", 2), [_lane], NullLogger.Instance);
            session.Run();
        }

        Must(LowestFree() <= lowest + Slack, "Descriptors are left open.");
        if ((_sessions & 1023) == 0) Must(MappingCount() < 5000, "Memory of front-ends that are gone stays mapped.");
    }

    public void Dispose()
    {
        _lane.Dispose();
        _memory.Dispose();
        _signal.Dispose();
    }

    private static int MappingCount() => File.ReadLines("/proc/self/maps").Count();

    private static int LowestFree()
    {
        using EventFd probe = EventFd.Create();
        return probe.Descriptor;
    }

    private void Say(DescriptorSocket front, ref FuzzInput input)
    {
        switch (input.Byte() % 6)
        {
            case 0:
                Send(front, input.Block(200), (input.Byte() & 3) == 3 ? _signal : null);
                break;
            case 1:
                VhostUserRequest request = Requests[input.Below(Requests.Length)];
                Send(front, Message(request, input.Block(64)), (input.Byte() & 1) == 1 ? _signal : null);
                break;
            case 2:
                byte[] table = [.. FrontEnd.Bytes(1U), .. FrontEnd.Bytes(0U), .. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(_memory.Bytes), .. FrontEnd.Bytes(FrontEnd.UserAddress), .. FrontEnd.Bytes(0UL)];
                if ((input.Byte() & 3) == 3) input.Change(table);
                Send(front, Message(VhostUserRequest.SetMemoryTable, table), _memory.File);
                break;
            case 3:
                byte[] number = new byte[8];
                input.Change(number);
                Send(front, Message(Requests[input.Below(Requests.Length)], number), _signal);
                break;
            case 4:
                SetUpQueue(front, ref input);
                break;
            default:
                Send(front, Message(VhostUserRequest.SetFeatures, FrontEnd.Bytes((1UL << 32) | (input.Byte() & 1UL) << 29 | (input.Byte() & 1UL) << 30 | (input.Byte() & 1UL) << 34)), null);
                break;
        }
    }

    // All that a queue needs, one word of it changed now and then.
    private void SetUpQueue(DescriptorSocket front, ref FuzzInput input)
    {
        byte choice = input.Byte();
        uint queue = choice & 1u;
        byte[] addresses =
        [
            .. FrontEnd.Bytes(queue), .. FrontEnd.Bytes(0U), .. FrontEnd.Bytes(FrontEnd.UserAddress + 0x1000), .. FrontEnd.Bytes(FrontEnd.UserAddress + 0x10000), .. FrontEnd.Bytes(FrontEnd.UserAddress + 0x8000),
            .. FrontEnd.Bytes(0UL),
        ];
        byte[] size = [.. FrontEnd.Bytes(queue), .. FrontEnd.Bytes(16U)], start = [.. FrontEnd.Bytes(queue), .. FrontEnd.Bytes((choice & 2u) << 6)];
        if ((choice & 12) == 12) input.Change((choice & 16) == 0 ? addresses : (choice & 32) == 0 ? size : start);
        Send(front, Message(VhostUserRequest.SetQueueSize, size), null);
        Send(front, Message(VhostUserRequest.SetQueueBase, start), null);
        Send(front, Message(VhostUserRequest.SetQueueAddresses, addresses), null);
        Send(front, Message(VhostUserRequest.SetQueueCall, FrontEnd.Bytes((ulong)queue)), _signal);
        Send(front, Message(VhostUserRequest.SetQueueKick, FrontEnd.Bytes((ulong)queue)), _signal);
        Send(front, Message(VhostUserRequest.SetQueueEnable, [.. FrontEnd.Bytes(queue), .. FrontEnd.Bytes(1U)]), null);
    }

    private static void Send(DescriptorSocket front, byte[] message, SafeHandle? attachment) => _ = front.Send(message, attachment, wait: false);

    private static byte[] Message(VhostUserRequest request, byte[] payload)
    {
        byte[] message = new byte[VhostUserHeader.Size + payload.Length];
        new VhostUserHeader((uint)request, VhostUserHeader.Version | (payload.Length > 4 && BinaryPrimitives.ReadUInt32LittleEndian(payload) == 0 ? VhostUserHeader.NeedReply : 0), payload.Length).Write(message);
        payload.CopyTo(message, VhostUserHeader.Size);
        return message;
    }
}
