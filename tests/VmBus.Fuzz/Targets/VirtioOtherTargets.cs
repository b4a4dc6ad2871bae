using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Providers.Tests.Network;
using VmBus.Sockets;
using VmBus.TestKit;
using VmBus.Virtio.Balloon;
using VmBus.Virtio.Consoles;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Network;
using VmBus.Virtio.Sockets;
using VmBus.Virtio.Tests.Network;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Fuzz.Targets;

/// <summary>A virtio network adapter: frames with headers of any kind, and commands.</summary>
internal sealed class VirtioNetTarget : VirtioDeviceTarget
{
    private readonly ScriptedLink _link = new(LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation | LinkOffloads.Tcp6Segmentation | LinkOffloads.UdpSegmentation);

    public VirtioNetTarget()
        : base("virtio-net", "frames and commands of virtio network adapters") => Device = new NetDevice(_link, MacAddress.Read([2, 0, 0, 0, 0, 1]), 1);

    public override IEnumerable<byte[]> Seeds => [[0, 16, 0, 60, 0, 0, 19], [0, 0, 0, 2, 0, 3, 4, 1, 60, 0], [0, 32, 0, 0, 0, 1, 0, 0, 33], [0, 32, 1, 0, 8, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0, 0, 33]];

    protected override IVirtioDevice Device { get; }

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        room = 0;
        switch (queue)
        {
            case 0:
                room = input.UInt16() & 0x1FFF;
                return [];
            case 1:
                byte[] frame = (input.Byte() & 3) switch
                {
                    0 => TestFrames.Plain(14 + input.Below(1600)),
                    1 => TestFrames.Ip(4, 17, input.Below(1400)),
                    2 => TestFrames.Ip(6, 6, input.Below(1400)),
                    _ => input.Block(100),
                };
                byte[] request = new byte[VirtioNetHeader.Bytes + frame.Length];
                frame.CopyTo(request, VirtioNetHeader.Bytes);
                input.Change(request.AsSpan(0, Math.Min(request.Length, 64)));
                return request;
            default:
                room = 1 + (input.Byte() & 1);
                byte[] command = [(byte)(input.Byte() % 6), (byte)(input.Byte() % 6), .. input.Block(64)];
                input.Change(command);
                return command;
        }
    }

    protected override void Happen(ref FuzzInput input)
    {
        byte choice = input.Byte();
        _link.HoldsFrames = (choice & 1) != 0;
        if ((choice & 2) != 0 && _link.IsOpen) _ = _link.Receive(TestFrames.Plain(14 + input.Below(1500)));
        if ((choice & 4) != 0) _link.SetUp((choice & 8) != 0);
    }

    protected override void Settle()
    {
        _link.SentFrames.Clear();
        _link.HoldsFrames = false;
    }
}

/// <summary>A virtio balloon: lists of pages, statistics and reports.</summary>
internal sealed class VirtioBalloonTarget : VirtioDeviceTarget
{
    private readonly GuestMemory _memory = GuestMemory.Create(4 << 20);
    private readonly ManualClock _clock = new();
    private readonly BalloonDevice _device;

    public VirtioBalloonTarget()
        : base("virtio-balloon", "lists of pages and statistics of virtio balloons") => _device = new BalloonDevice(_memory, _clock);

    public override IEnumerable<byte[]> Seeds => [[0, 0, 4, 1, 2, 3, 4, 0, 3, 16, 2, 1, 2, 0, 19], [0, 32, 3, 1, 0, 9, 0, 0, 35, 4, 1, 5], [0, 48, 0, 16, 0, 0, 51]];

    protected override IVirtioDevice Device => _device;

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        room = queue == 3 ? input.UInt16() & 0x3FFF : 0;
        byte[] request;
        if (queue < 2)
        {
            request = new byte[(input.Byte() & 63) * 4];
            for (int i = 0; i < request.Length; i += 4) WriteUInt32LittleEndian(request.AsSpan(i), input.Number());
        }
        else
        {
            request = queue == 2 ? new byte[(input.Byte() & 15) * 10] : [];
            input.Bytes(request.Length).CopyTo(request);
        }

        input.Change(request);
        return request;
    }

    protected override void Happen(ref FuzzInput input)
    {
        if ((input.Byte() & 1) != 0) _clock.Advance(TimeSpan.FromSeconds(input.Byte()));
        // How it ends is the driver's to say.
        else _ = _device.SetAsync((1 + (long)(input.Byte() & 3)) << 20).ContinueWith(static task => task.Exception, TaskScheduler.Default);
    }

    protected override void Settle() => PropertyException.Must(_device.Describe().BalloonedBytes <= 4 << 20, "More is given back than there is.");

    public override void Dispose()
    {
        base.Dispose();
        _memory.Dispose();
    }
}

/// <summary>A virtio console.</summary>
internal sealed class VirtioConsoleTarget : VirtioDeviceTarget, ITerminal
{
    private readonly ConsoleDevice _device;

    public VirtioConsoleTarget()
        : base("virtio-console", "output and input of virtio consoles") => _device = new ConsoleDevice(this, new ConsoleConfig(80, 25));

    public override IEnumerable<byte[]> Seeds => [[0, 16, 5, 1, 2, 3, 4, 5, 0, 19], [0, 0, 16, 0, 0, 4, 7, 1, 2, 3]];

    protected override IVirtioDevice Device => _device;

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        room = queue == 0 ? input.Byte() : 0;
        return queue == 0 ? [] : input.Block(200);
    }

    protected override void Happen(ref FuzzInput input)
    {
        _device.Enter(input.Block(64));
        if ((input.Byte() & 7) == 7) _device.Resize(new ConsoleConfig(input.UInt16(), input.UInt16()));
    }

    protected override void Settle()
    {
    }

    void ITerminal.Write(ReadOnlySpan<byte> bytes)
    {
    }
}

/// <summary>Virtio sockets: packets with headers of any kind, for ports where somebody listens and where nobody does.</summary>
internal sealed class VirtioSocketTarget : VirtioDeviceTarget
{
    private const ulong Cid = 7;
    private static readonly VsockOperation[] Operations = Enum.GetValues<VsockOperation>();

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmbus-fuzz-");
    private readonly HostSockets _host;
    private readonly System.Net.Sockets.Socket _program = new(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified) { Blocking = false };
    private readonly VsockDevice _device;

    public VirtioSocketTarget()
        : base("virtio-vsock", "packets of virtio sockets")
    {
        string path = Path.Combine(_folder.FullName, "v");
        _host = HostSockets.Listen(path);
        _device = new VsockDevice(_host, Cid, NullLogger.Instance);
        _host.Start(Lane, _device.Connect);
        _program.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint($"{path}_5000"));
        _program.Listen(64);
    }

    public override IEnumerable<byte[]> Seeds => [[0, 0, 1, 2, 0, 0, 3, 16, 1, 0, 0, 0, 0, 19, 16, 5, 0, 0, 4, 1, 2, 3, 4, 19], [0, 16, 1, 1, 0, 0, 0, 19], [0, 16, 7, 0, 0, 0, 0, 19, 4, 1]];

    protected override IVirtioDevice Device => _device;

    protected override byte[] Request(int queue, ref FuzzInput input, out int room)
    {
        room = queue == 1 ? 0 : input.UInt16() & 0x1FFF;
        if (queue != 1) return [];
        VsockOperation operation = Operations[input.Below(Operations.Length)];
        byte[] data = operation == VsockOperation.Data ? input.Block(200) : [];
        byte[] request = new byte[VsockHeader.Size + data.Length];
        var header = new VsockHeader(
            Cid, VsockHeader.HostCid, 100u + (input.Byte() & 3u), 5000u + (input.Byte() & 1u), (uint)data.Length, VsockHeader.Stream, operation, (VsockShutdown)(input.Byte() & 3), 1 << 16, input.Byte());
        header.Write(request);
        data.CopyTo(request, VsockHeader.Size);
        input.Change(request.AsSpan(0, VsockHeader.Size));
        return request;
    }

    // A program takes a connection and goes: at once, or after it has said something.
    protected override void Happen(ref FuzzInput input)
    {
        byte choice = input.Byte();
        if (!_program.Poll(0, System.Net.Sockets.SelectMode.SelectRead)) return;
        using System.Net.Sockets.Socket one = _program.Accept();
        // The other end may have gone already.
        if ((choice & 1) != 0) _ = one.Send(input.Block(64), System.Net.Sockets.SocketFlags.None, out _);
    }

    protected override void Settle()
    {
        while (_program.Poll(0, System.Net.Sockets.SelectMode.SelectRead)) _program.Accept().Dispose();
    }

    public override void Dispose()
    {
        _host.End();
        base.Dispose();
        _host.Dispose();
        _program.Dispose();
        _folder.Delete(recursive: true);
    }
}
