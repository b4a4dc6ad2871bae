using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Host.Devices;
using VmBus.Native.Linux;
using VmBus.Storage.Disks;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Messages that give devices and files: any bytes, with any number of descriptors beside them. What is refused says so in one line, and no descriptor is left open.</summary>
internal sealed class GivenTarget : IFuzzTarget
{
    // What the runtime may open by itself meanwhile.
    private const int Slack = 64;

    private static readonly string[] Words = ["", "/a.img", "/a,,b.img,readonly", "/d,format=raw,id=data,bus=virtio", "tap=t0,id=lan", "user,mac=02:00:00:00:00:01", "raw", "renewed"];

    private readonly EventFd _descriptor = EventFd.Create();
    private readonly SafeHandle[] _many;

    public GivenTarget() => _many = [.. Enumerable.Repeat<SafeHandle>(_descriptor, DescriptorSocket.MaximumDescriptors)];

    public string Name => "given";

    public string What => "messages that give devices and files";

    public IEnumerable<byte[]> Seeds => [[1, 2, 1, 0, 1, 0], [1, 3, 3, 6, 1, 0, 1, 6, 2, 6, 2, 0], [1, 4, 5, 0, 2, 0, 1, 1, 0, 0, 1, 0], [0, 20, 3, 1, 12, 0, 0, 0, 2, 1, 0, 0]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        int lowest = LowestFree();
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (DescriptorSocket sender = DescriptorSocket.Take(ours))
        {
            // As much as the connection holds: nobody reads yet.
            for (int messages = 0; messages < 8 && !steps.IsEmpty; messages++)
            {
                byte[] message = (steps.Byte() & 3) == 0 ? steps.Block(200) : Message(ref steps);
                int descriptors = Math.Min(steps.Byte() % 40, DescriptorSocket.MaximumDescriptors);
                int first = (steps.Byte() & 7) == 7 ? steps.Below(message.Length + 1) : 0;
                // In two pieces now and then, each with its own.
                if (first > 0 && sender.Send(message.AsSpan(0, first), _many.AsSpan(0, descriptors), wait: false) < 0) break;
                if (first < message.Length && sender.Send(message.AsSpan(first), _many.AsSpan(0, descriptors), wait: false) < 0) break;
            }
        }

        try
        {
            using GivenDevices devices = GivenDevices.Receive(theirs, NullLogger.Instance);
            Must(devices.FurtherDisks.Count <= 8, "More disks than messages.");
            if (devices.HasFile("/a.img")) devices.TakeFile("/a.img")?.Dispose();
            _ = devices.Resolve(new DiskOptions("/a.img"));
        }
        catch (IOException problem)
        {
            Must(!problem.Message.Any(char.IsControl), "A refusal that is no line.");
        }

        Must(LowestFree() <= lowest + Slack, "Descriptors are left open.");
    }

    public void Dispose() => _descriptor.Dispose();

    private static byte[] Message(ref FuzzInput input)
    {
        // Not the socket at which more is given: it has a thread, and is the operator's own.
        byte kind = (byte)(input.Byte() % 8);
        if (kind == (byte)GivenKind.Socket) kind = (byte)GivenKind.File;
        byte[] text = Encoding.UTF8.GetBytes(Words[input.Below(Words.Length)]), detail = Encoding.UTF8.GetBytes(Words[input.Below(Words.Length)]);
        byte[] message = new byte[GivenHeader.Size + text.Length + detail.Length];
        new GivenHeader(text.Length + detail.Length, (GivenKind)kind, 1 + (input.Byte() & 3), detail.Length).Write(message);
        text.CopyTo(message, GivenHeader.Size);
        detail.CopyTo(message, GivenHeader.Size + text.Length);
        input.Change(message);
        if (message[4] == (byte)GivenKind.Socket) message[4] = 0;
        // A length beyond what comes is waited for, and the end of the connection comes.
        if ((input.Byte() & 31) == 31) WriteUInt32LittleEndian(message, input.Number());
        return message;
    }

    private static int LowestFree()
    {
        using EventFd probe = EventFd.Create();
        return probe.Descriptor;
    }
}
