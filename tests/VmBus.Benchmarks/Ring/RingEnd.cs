using System.Runtime.InteropServices;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Ring;

namespace VmBus.Benchmarks.Ring;

/// <summary>One process's end of a channel: a ring to read, a ring to write, an eventfd of its own and the peer's.</summary>
internal sealed class RingEnd : IDisposable
{
    /// <summary>Pages of each ring, as large as those of Linux storage channels.</summary>
    internal const int PagesPerRing = 32;

    private const int MaximumPacketBytes = 4096;
    private const int PeerTimeoutMs = 30_000;
    private const int SpinsBeforeYield = 2000;

    private readonly RingMapping _in;
    private readonly RingMapping _out;
    private readonly RingReader _reader;
    private readonly RingWriter _writer;
    private readonly EventFd _own;
    private readonly EventFd _peer;
    private readonly EpollSet _waiter = EpollSet.Create();
    private readonly EpollEvent[] _ready = new EpollEvent[1];

    internal RingEnd(RingMapping input, RingMapping output, EventFd own, EventFd peer)
    {
        (_in, _out, _own, _peer) = (input, output, own, peer);
        _reader = new RingReader(input, MaximumPacketBytes);
        _writer = new RingWriter(output);
        if (_waiter.Add(own.Descriptor, EpollSet.Readable, 0) is var errno and not 0)
            throw new LinuxException("Watching an eventfd failed", -errno);
    }

    /// <summary>Signals sent to the peer so far.</summary>
    internal long Signals { get; private set; }

    /// <summary>Maps ring number <paramref name="index"/> of the shared file.</summary>
    internal static RingMapping Map(SafeHandle file, int index, int pages)
        => RingMapping.TryMap(file, (long)index * pages * RingControlPage.Size, pages, out RingMapping? ring)
            ? ring!
            : throw new InvalidOperationException("The shared file does not hold the rings.");

    /// <summary>Takes the next packet, waiting for it.</summary>
    internal RingPacket Read(bool spin)
    {
        for (int spins = 0; ; spins++)
        {
            RingStatus status = _reader.TryRead(out RingPacket packet);
            if (status == RingStatus.Ok) return packet;
            if (status == RingStatus.Corrupt) throw new InvalidOperationException("The peer broke the ring.");
            CommitRead();
            if (spin)
            {
                Spin(spins);
                continue;
            }

            if (_reader.UnmaskInterrupts()) continue;
            WaitForSignal();
            _reader.MaskInterrupts();
        }
    }

    /// <summary>Gives space back, signalling where that is due.</summary>
    internal void CommitRead()
    {
        if (_reader.Commit()) Signal();
    }

    /// <summary>Writes a packet, waiting for space.</summary>
    internal void Write(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong id)
    {
        while (true)
        {
            RingStatus status = _writer.TryWrite(type, header, payload, id, 0);
            if (status == RingStatus.Corrupt) throw new InvalidOperationException("The peer broke the ring.");
            if (status == RingStatus.Ok) break;
            CommitWrite();
            if (_writer.WaitForSpace(header.Length + payload.Length)) WaitForSignal();
        }

        _writer.StopWaitingForSpace();
    }

    /// <summary>Publishes what was written, signalling where that is due.</summary>
    internal void CommitWrite()
    {
        if (_writer.Commit()) Signal();
    }

    public void Dispose()
    {
        _waiter.Dispose();
        _in.Dispose();
        _out.Dispose();
    }

    private static void Spin(int spins)
    {
        if (spins < SpinsBeforeYield) Thread.SpinWait(1);
        else Thread.Yield();
    }

    private void Signal()
    {
        Signals++;
        _peer.Signal();
    }

    private void WaitForSignal()
    {
        int count = _waiter.Wait(_ready, PeerTimeoutMs);
        if (count < 0) throw new LinuxException("Waiting for the peer failed", -count);
        if (_own.Drain() == 0) throw new TimeoutException("The peer did not signal in time.");
    }
}
