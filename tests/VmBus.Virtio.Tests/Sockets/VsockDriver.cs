using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.Sockets;
using VmBus.Virtio.Devices;
using VmBus.Virtio.Sockets;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Sockets;

/// <summary>A packet of a socket device.</summary>
internal sealed record Packet(VsockHeader Header, byte[] Data);

/// <summary>A driver of a socket device, and the folder where programs of the host are.</summary>
internal sealed class VsockDriver : IDisposable
{
    internal const ulong Cid = 7;
    internal const uint BufferBytes = 4096;

    private const int BufferCount = 32;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-vsock-").FullName;
    private readonly Lane _lane = Lane.Start("vsock-test", NullLogger.Instance, new LaneOptions());
    private readonly EventFd[] _kicks = [EventFd.Create(), EventFd.Create(), EventFd.Create()];
    private readonly QueueRunner[] _runners = new QueueRunner[3];
    private readonly HostSockets _host;
    private ushort _seen;

    /// <param name="buffers">Whether the device has buffers for packets.</param>
    /// <param name="eventBase">Where the event queue begins.</param>
    /// <param name="receives">Whether there is a receive queue.</param>
    internal VsockDriver(bool buffers = true, ushort eventBase = 0, bool receives = true)
    {
        _host = HostSockets.Listen(Path);
        Device = new VsockDevice(_host, Cid, NullLogger.Instance);
        _host.Start(_lane, Device.Connect);
        // What a process before this one was given and has given back.
        for (int i = 0; i < eventBase; i++) Events.Offer(0);
        Events.Settings = Events.Settings with { Base = eventBase };
        for (int i = receives ? 0 : 1; i < _runners.Length; i++) Open(i);
        if (buffers && receives) Post();
    }

    internal VsockDevice Device { get; }

    /// <summary>Where programs connect that want the guest.</summary>
    internal string Path => System.IO.Path.Combine(_folder, "v");

    internal SplitDriver Receive { get; } = new(size: 64);

    internal SplitDriver Transmit { get; } = new(size: 16);

    internal SplitDriver Events { get; } = new(size: 16);

    internal List<string> Failures { get; } = [];

    /// <summary>Begins a queue.</summary>
    internal void Open(int index)
    {
        SplitDriver queue = new[] { Receive, Transmit, Events }[index];
        var runner = new QueueRunner(index, queue.Open(), _lane, new Silent(), isPolled: false, failed => Failures.Add(failed.Queue.Problem ?? "unknown"));
        _lane.Invoke(() => runner.Begin(Device.OpenQueue(index, 0, runner, _lane), _kicks[index]));
        _runners[index] = runner;
    }

    /// <summary>Ends a queue, and begins it again where it stood.</summary>
    internal void Reopen(int index)
    {
        using var stopped = new ManualResetEventSlim();
        QueueRunner runner = _runners[index];
        _lane.Post(() => runner.Stop(stopped.Set));
        Assert.True(stopped.Wait(Limit));
        Assert.Equal(0, runner.Queue.InFlight);
        SplitDriver queue = new[] { Receive, Transmit, Events }[index];
        queue.Settings = queue.Settings with { Base = runner.Queue.Base };
        Open(index);
    }

    /// <summary>Gives the device all buffers.</summary>
    internal void Post()
    {
        for (int i = 0; i < BufferCount; i++) Offer(i);
        Kick(0);
    }

    internal void Kick(int queue) => _kicks[queue].Signal();

    /// <summary>A program of the host serves a port of the host.</summary>
    internal Socket Listen(uint port)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{Path}_{port}"));
        listener.Listen(512);
        return listener;
    }

    /// <summary>A program of the host connects to say what it wants.</summary>
    internal Socket Connect()
    {
        var program = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)Limit.TotalMilliseconds };
        program.Connect(new UnixDomainSocketEndPoint(Path));
        return program;
    }

    /// <summary>A header of a connection of the guest's, with plenty of room.</summary>
    internal static VsockHeader Header(VsockOperation operation, uint guestPort = 100, uint hostPort = 5000, uint bytes = 0)
        => new(Cid, VsockHeader.HostCid, guestPort, hostPort, bytes, VsockHeader.Stream, operation, VsockShutdown.None, 1 << 20, 0);

    /// <summary>Sends a packet and waits until its buffer is back.</summary>
    internal void Send(VsockHeader header, ReadOnlySpan<byte> data = default)
    {
        ushort before = Transmit.UsedIndex;
        Offer(header, data);
        Wait(() => Transmit.UsedIndex != before);
    }

    /// <summary>Sends a packet.</summary>
    internal void Offer(VsockHeader header, ReadOnlySpan<byte> data = default)
    {
        byte[] bytes = new byte[VsockHeader.Size + data.Length];
        header.Write(bytes);
        data.CopyTo(bytes.AsSpan(VsockHeader.Size));
        Transmit.Write(SplitDriver.Buffers, bytes);
        Transmit.Describe(0, SplitDriver.Buffers, (uint)bytes.Length);
        Transmit.Offer(0);
        Kick(1);
    }

    /// <summary>Waits for the next packet of the device, and gives its buffer back.</summary>
    internal Packet Next()
    {
        Wait(() => Receive.UsedIndex != _seen);
        (uint id, uint bytes) = Receive.Used(_seen++);
        byte[] packet = Receive.Read(BufferAt((int)id), (int)bytes);
        Offer((int)id);
        Kick(0);
        Assert.True(bytes >= VsockHeader.Size);
        VsockHeader header = VsockHeader.Read(packet);
        Assert.Equal(bytes - VsockHeader.Size, header.Bytes);
        return new Packet(header, packet[VsockHeader.Size..]);
    }

    /// <summary>The next packet is of this kind.</summary>
    internal Packet Expect(VsockOperation operation)
    {
        Packet packet = Next();
        Assert.Equal(operation, packet.Header.Operation);
        return packet;
    }

    /// <summary>The next packets are of this kind; the last one that is there.</summary>
    internal Packet ExpectLast(VsockOperation operation)
    {
        Packet packet = Expect(operation);
        while (!HasNothing()) packet = Expect(operation);
        return packet;
    }

    /// <summary>The next packets carry so many bytes.</summary>
    internal byte[] ExpectData(int bytes)
    {
        List<byte> all = [];
        while (all.Count < bytes) all.AddRange(Expect(VsockOperation.Data).Data);
        return [.. all];
    }

    /// <summary>The guest connects to a program of the host.</summary>
    internal Socket Establish(Socket listener, uint guestPort = 100, uint hostPort = 5000)
    {
        Send(Header(VsockOperation.Request, guestPort, hostPort));
        Assert.Equal((hostPort, guestPort), (Expect(VsockOperation.Response).Header is var header ? (header.SourcePort, header.TargetPort) : default));
        Socket program = listener.Accept();
        program.ReceiveTimeout = program.SendTimeout = (int)Limit.TotalMilliseconds;
        return program;
    }

    /// <summary>Nothing of the device's waits, after it has looked.</summary>
    internal bool HasNothing()
    {
        for (int i = 0; i < 8; i++) _lane.Invoke(() => Array.ForEach(_runners, static runner => runner.Touch()));
        return Receive.UsedIndex == _seen;
    }

    internal static void Wait(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Limit), "It did not come.");

    public void Dispose()
    {
        _host.End();
        _lane.Invoke(() => Array.ForEach(_runners, static runner => runner?.Dispose()));
        Device.Dispose();
        _host.Dispose();
        _lane.Dispose();
        foreach (EventFd kick in _kicks) kick.Dispose();
        foreach (SplitDriver queue in new[] { Receive, Transmit, Events }) queue.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static ulong BufferAt(int index) => SplitDriver.Buffers + ((ulong)index * 8192);

    private void Offer(int index)
    {
        Receive.Describe(index, BufferAt(index), VsockHeader.Size + BufferBytes, DescriptorFlags.Write);
        Receive.Offer((ushort)index);
    }

    private sealed class Silent : IQueueSignal
    {
        public void Signal()
        {
            // The test looks by itself.
        }
    }
}
