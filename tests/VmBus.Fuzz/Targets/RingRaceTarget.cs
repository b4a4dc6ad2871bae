using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>A ring whose control page and data another thread overwrites all the time while it is read and written.</summary>
internal sealed class RingRaceTarget : IFuzzTarget
{
    private const int Pages = 2;
    private const int MaximumPacketBytes = 2048;

    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly RingMapping _ring;
    private readonly Thread _peer;
    private volatile byte[] _bytes = [0];
    private volatile bool _ends;

    public RingRaceTarget()
    {
        if (!RingMapping.TryMap(_memory, [new PageRun(16, Pages)], out RingMapping? ring)) throw new InvalidOperationException("The ring cannot be mapped.");
        _ring = ring!;
        _peer = new Thread(Overwrite) { IsBackground = true, Name = "ring-peer" };
        _peer.Start();
    }

    public string Name => "ring-race";

    public string What => "rings that are overwritten while they are read and written";

    public IEnumerable<byte[]> Seeds => [[24, 0, 0, 0, 0, 0, 0, 0], [6, 0, 2, 0, 10, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8]];

    public void Execute(ReadOnlySpan<byte> input)
    {
        if (!input.IsEmpty) _bytes = input.ToArray();
        var reader = new RingReader(_ring, MaximumPacketBytes);
        var writer = new RingWriter(_ring);
        for (int i = 0; i < 8; i++)
        {
            if (reader.TryRead(out RingPacket packet) == RingStatus.Ok)
            {
                int total = PacketDescriptor.Size + packet.Header.Length + packet.Payload.Length;
                Must(total <= MaximumPacketBytes && packet.Descriptor.TotalBytes == total, $"A packet of {total} bytes that says {packet.Descriptor.TotalBytes}.");
                // A copy: the peer cannot change what has been read.
                int hash = Hash(packet.Payload);
                Must(hash == Hash(packet.Payload), "A packet changes after it was read.");
            }

            _ = reader.Commit();
            _ = writer.TryWrite(PacketType.Completion, default, input[..Math.Min(input.Length, 100)], 1, 0);
            _ = writer.Commit();
            _ = writer.WaitForSpace(64);
        }
    }

    public void Dispose()
    {
        _ends = true;
        _peer.Join();
        _ring.Dispose();
        _memory.Dispose();
    }

    private static int Hash(ReadOnlySpan<byte> bytes)
    {
        int hash = 17;
        foreach (byte value in bytes) hash = (hash * 31) + value;
        return hash;
    }

    private void Overwrite()
    {
        var random = new Random(1);
        while (!_ends)
        {
            byte[] bytes = _bytes;
            int at = random.Next(8) == 0 ? random.Next(Pages * Gpa.PageBytes) : random.Next(4) * 4;
            int count = at < 16 ? Math.Min(4, bytes.Length) : Math.Min(bytes.Length, (Pages * Gpa.PageBytes) - at);
            int from = count == bytes.Length ? 0 : random.Next(bytes.Length - count);
            _ = _memory.TryWrite(new Gpa(((ulong)16 * Gpa.PageBytes) + (ulong)at), bytes.AsSpan(from, count));
        }
    }
}
