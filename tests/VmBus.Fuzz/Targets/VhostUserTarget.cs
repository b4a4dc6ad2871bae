using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.TestKit.VhostUser;
using VmBus.Virtio.Tests.VhostUser;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>A vhost-user back-end: messages of any bytes and descriptors from a front-end. The next front-end is served.</summary>
internal sealed class VhostUserTarget : IFuzzTarget
{
    private static readonly VhostUserRequest[] Requests = Enum.GetValues<VhostUserRequest>();

    private readonly Export _export = new();
    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);

    public string Name => "vhost-user";

    public string What => "messages of vhost-user front-ends";

    public IEnumerable<byte[]> Seeds =>
    [
        [1, 1, 0, 1, 15, 0, 1, 3, 0, 2, 1, 8, 8, 0, 0, 16, 0, 0, 0, 1, 9, 40, 0], [1, 5, 40, 1, 0, 0, 0], [0, 20, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [2, 2],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        using FrontEnd front = FrontEnd.Connect(_export.Socket);
        using EventFd signal = EventFd.Create();
        while (!steps.IsEmpty)
        {
            switch (steps.Byte() % 4)
            {
                case 0:
                    front.SendRaw(steps.Block(200), (steps.Byte() & 3) == 3 ? signal : null);
                    break;
                case 1:
                    VhostUserRequest request = Requests[steps.Below(Requests.Length)];
                    front.Send(request, steps.Block(64), (steps.Byte() & 1) == 1 ? signal : null);
                    break;
                case 2:
                    front.ShareMemory(_memory);
                    break;
                default:
                    byte[] message = new byte[8];
                    steps.Change(message);
                    front.Send(Requests[steps.Below(Requests.Length)], message, signal);
                    break;
            }
        }

        front.Dispose();
        using FrontEnd next = FrontEnd.Connect(_export.Socket);
        next.Send(VhostUserRequest.GetFeatures, []);
        Must(next.Receive(VhostUserRequest.GetFeatures)?.Length == 8, "The next front-end is not served.");
    }

    public void Dispose()
    {
        _export.Dispose();
        _memory.Dispose();
    }
}
