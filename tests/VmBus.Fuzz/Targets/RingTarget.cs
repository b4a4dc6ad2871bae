using VmBus.Fuzz.Engine;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using static System.Buffers.Binary.BinaryPrimitives;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Both ends of a ring whose memory a peer writes at will, between any two steps. Packets stay within bounds, and what is corrupt stays so.</summary>
internal sealed class RingTarget : IFuzzTarget
{
    private const int Pages = 3;
    private const int DataBytes = (Pages - 1) * Gpa.PageBytes;
    private const int MaximumPacketBytes = 4096;

    private static readonly int[] Words = [RingControlPage.WriteIndex, RingControlPage.ReadIndex, RingControlPage.InterruptMask, RingControlPage.PendingSendSize, RingControlPage.FeatureBits];

    private readonly GuestMemory _memory = GuestMemory.Create(1 << 20);
    private readonly RingMapping _ring;

    public RingTarget()
    {
        if (!RingMapping.TryMap(_memory, [new PageRun(16, Pages)], out RingMapping? ring)) throw new InvalidOperationException("The ring cannot be mapped.");
        _ring = ring!;
    }

    public string Name => "ring";

    public string What => "rings, indices and bytes changing between steps";

    public IEnumerable<byte[]> Seeds =>
    [
        // A whole packet, published and read; then one that says more than there is.
        [2, 0, 0, 2, 4, 24, 1, 2, 3, 0, 0, 32, 3, 3, 4],
        [2, 0, 0, 6, 255, 24, 0, 0, 64, 3, 3, 5, 16, 6, 1],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        _ring.Initialize();
        var reader = new RingReader(_ring, MaximumPacketBytes);
        var writer = new RingWriter(_ring);
        bool readerCorrupt = false, writerCorrupt = false;
        for (int packets = 0; !steps.IsEmpty;)
        {
            switch (steps.Byte() % 8)
            {
                case 0:
                    SetWord(Words[steps.Below(Words.Length)], steps.Number());
                    break;
                case 1:
                    SetWord(RingControlPage.WriteIndex, (uint)(steps.UInt16() % DataBytes) & ~7u);
                    break;
                case 2:
                    WritePacket(ref steps);
                    break;
                case 3:
                    RingStatus status = reader.TryRead(out RingPacket packet);
                    Must(!readerCorrupt || status == RingStatus.Corrupt, "A corrupt ring gave something.");
                    readerCorrupt = status == RingStatus.Corrupt;
                    if (status == RingStatus.Ok) Check(packet, ++packets);
                    break;
                case 4:
                    _ = reader.Commit();
                    _ = reader.UnmaskInterrupts();
                    reader.MaskInterrupts();
                    break;
                case 5:
                    byte[] payload = steps.Block(200);
                    RingStatus written = writer.TryWrite(PacketType.DataInband, default, payload, 1, 0);
                    Must(!writerCorrupt || written == RingStatus.Corrupt, "A corrupt ring took something.");
                    writerCorrupt = written == RingStatus.Corrupt;
                    break;
                case 6:
                    _ = writer.Commit();
                    if (steps.Byte() < 128) _ = writer.WaitForSpace(steps.UInt16());
                    else writer.StopWaitingForSpace();
                    writerCorrupt = writer.IsCorrupt;
                    break;
                default:
                    _ = _ring.TryReadFill();
                    _ = _ring.ReadControl();
                    break;
            }

            if (packets > DataBytes) break;
        }
    }

    public void Dispose()
    {
        _ring.Dispose();
        _memory.Dispose();
    }

    private static void Check(in RingPacket packet, int packets)
    {
        int total = PacketDescriptor.Size + packet.Header.Length + packet.Payload.Length;
        Must(total <= MaximumPacketBytes, $"A packet of {total} bytes.");
        Must(packet.Descriptor.TotalBytes == total, "A packet is not as long as it says.");
        Must(packets <= DataBytes, "A ring gives packets without end.");
        // Read all of it: a length that lies ends here.
        int sum = 0;
        foreach (byte value in packet.Payload) sum += value;
        _ = sum;
    }

    private void WritePacket(ref FuzzInput input)
    {
        int at = input.UInt16() % DataBytes & ~7;
        Span<byte> packet = stackalloc byte[64];
        new PacketDescriptor(PacketType.DataInband, input.Byte() * 8, input.Number() is var words && words < 0x10000 ? (int)words * 8 : 0x7FFF8, input.Byte(), input.UInt64()).Write(packet);
        input.Change(packet);
        for (int i = 0; i < packet.Length; i += 8) _ = _memory.TryWrite(new Gpa(((ulong)17 * Gpa.PageBytes) + (ulong)((at + i) % DataBytes)), packet.Slice(i, 8));
    }

    private void SetWord(int offset, uint value)
    {
        Span<byte> word = stackalloc byte[sizeof(uint)];
        WriteUInt32LittleEndian(word, value);
        _ = _memory.TryWrite(new Gpa(((ulong)16 * Gpa.PageBytes) + (ulong)offset), word);
    }
}
