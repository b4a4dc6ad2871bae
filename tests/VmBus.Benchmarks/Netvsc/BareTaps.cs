using System.Diagnostics;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.Network;

namespace VmBus.Benchmarks.Netvsc;

/// <summary>Two TAPs on a bridge, and one that leads nowhere, written and read by one system call per frame and nothing else.</summary>
internal sealed class BareTaps : IDisposable
{
    private const int Batch = 64;
    private const string Bridge = "bareloop";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TapDevice _from = Open("barefrom");
    private readonly TapDevice _to = Open("bareto");
    private readonly TapDevice _nowhere = Open("barenone");
    private readonly BounceBuffer _frame = new(VirtioNetHeader.Bytes + TestFrame.MaximumBytes);
    private readonly BounceBuffer _received = new(VirtioNetHeader.Bytes + TestFrame.MaximumBytes);

    internal BareTaps()
    {
        NetworkNamespace.Ip($"link add {Bridge} type bridge");
        NetworkNamespace.Ip($"link set {Bridge} up");
        foreach (string port in new[] { "barefrom", "bareto" }) NetworkNamespace.Ip($"link set {port} master {Bridge}");
        foreach (string tap in new[] { "barefrom", "bareto", "barenone" }) NetworkNamespace.Ip($"link set {tap} up");
        AwaitBridge();
    }

    /// <summary>Writes frames to a TAP whose host has no use for them.</summary>
    internal TimeSpan Send(int bytes, int frames)
    {
        nint vector = Prepare(bytes);
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < frames; i++) Write(_nowhere, vector);
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Writes frames to one TAP and reads them from the other, a batch at a time.</summary>
    internal TimeSpan Loop(int bytes, int frames)
    {
        nint vector = Prepare(bytes);
        nint room = _received.Vector(_received.Bytes);
        long started = Stopwatch.GetTimestamp();
        for (int sent = 0, received = 0; received < frames;)
        {
            for (; sent < frames && sent - received < Batch; sent++) Write(_from, vector);
            int before = received;
            while (TryRead(room, out int length))
            {
                if (length == bytes) received++;
            }

            // Under load the kernel passes frames on a moment later.
            if (received == before) Thread.Yield();
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException($"{sent - received} bare frames were lost.");
        }

        return Stopwatch.GetElapsedTime(started);
    }

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
        _nowhere.Dispose();
        _frame.Dispose();
        _received.Dispose();
    }

    // A port forwards a moment after its interface came up; until then frames are lost.
    private void AwaitBridge()
    {
        nint vector = Prepare(TestFrame.ProbeBytes);
        nint room = _received.Vector(_received.Bytes);
        long started = Stopwatch.GetTimestamp();
        do
        {
            Write(_from, vector);
            Thread.Yield();
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new TimeoutException("The bridge passes nothing on.");
        }
        while (!TryRead(room, out _));
    }

    private bool TryRead(nint room, out int bytes)
    {
        int result = LinuxFile.Read(_to, room, 1, -1, 0);
        bytes = result - VirtioNetHeader.Bytes;
        if (result >= 0) return true;
        return result == -Errno.EAGAIN ? false : throw new LinuxException("Reading from a TAP failed", -result);
    }

    private static TapDevice Open(string name)
        => TapDevice.TryOpen(name, multipleQueues: true, out int errno) ?? throw new LinuxException($"Making the TAP {name} failed", errno);

    private static void Write(TapDevice tap, nint vector)
    {
        int result = LinuxFile.Write(tap, vector, 1, -1, 0);
        if (result < 0) throw new LinuxException("Writing to a TAP failed", -result);
    }

    private nint Prepare(int bytes)
    {
        _frame.Data.Clear();
        TestFrame.Make(bytes).CopyTo(_frame.Data[VirtioNetHeader.Bytes..]);
        return _frame.Vector(VirtioNetHeader.Bytes + bytes);
    }
}
