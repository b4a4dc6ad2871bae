using System.Buffers.Binary;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Memory.Guest;
using VmBus.Network.Frames;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Frames;

/// <summary>Captures as a reader of pcapng sees them.</summary>
public sealed class FrameCaptureTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"vmbus-capture-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void File_has_section_interfaces_and_packets()
    {
        byte[] odd = Packets.Plain(Packets.Mac(2), Packets.Mac(1), 3, 61);
        ulong before = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        using (FrameCapture capture = FrameCapture.Create(_path, NullLogger.Instance))
        {
            int first = capture.AddInterface("eth0");
            int second = capture.AddInterface("user");
            capture.Add(first, FrameDirection.Outbound, odd);
            using GuestMemory memory = GuestMemory.Create(4096);
            memory.TryWrite(new Gpa(100), odd);
            using var frame = new FrameBuffer(0, 2);
            frame.TryAdd(memory, new Gpa(100), 30);
            frame.TryAdd(memory, new Gpa(130), 31);
            capture.Add(second, FrameDirection.Inbound, frame, odd.Length);
        }

        List<(uint Type, byte[] Body)> blocks = Read();
        Assert.Equal([0x0A0D0D0Au, 1u, 1u, 6u, 6u], blocks.Select(block => block.Type));
        Assert.Equal(0x1A2B3C4Du, BinaryPrimitives.ReadUInt32LittleEndian(blocks[0].Body));
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(blocks[1].Body));
        Assert.Equal("eth0", Encoding.UTF8.GetString(Options(blocks[1].Body.AsSpan(8))[2]));
        Assert.Equal("user", Encoding.UTF8.GetString(Options(blocks[2].Body.AsSpan(8))[2]));
        Assert.Equal([9], Options(blocks[1].Body.AsSpan(8))[9]);
        for (int i = 0; i < 2; i++)
        {
            byte[] body = blocks[3 + i].Body;
            Assert.Equal(i, BinaryPrimitives.ReadInt32LittleEndian(body));
            ulong time = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(body.AsSpan(4)) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(body.AsSpan(8));
            Assert.InRange(time, before, before + 600_000_000_000);
            Assert.Equal((61, 61), (BinaryPrimitives.ReadInt32LittleEndian(body.AsSpan(12)), BinaryPrimitives.ReadInt32LittleEndian(body.AsSpan(16))));
            Assert.Equal(odd, body[20..81]);
            Assert.Equal(i == 0 ? 2u : 1u, BinaryPrimitives.ReadUInt32LittleEndian(Options(body.AsSpan(84))[2]));
        }
    }

    [Fact]
    public void Frames_from_many_threads_are_all_there_or_counted()
    {
        const int Threads = 4, Each = 20_000;
        byte[] frame = Packets.Plain(Packets.Mac(2), Packets.Mac(1), 3, 1500);
        long lost;
        using (FrameCapture capture = FrameCapture.Create(_path, NullLogger.Instance))
        {
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
            {
                int adapter = capture.AddInterface("x");
                for (int i = 0; i < Each; i++) capture.Add(adapter, FrameDirection.Inbound, frame);
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            lost = capture.Lost;
        }

        List<(uint Type, byte[] Body)> packets = [.. Read().Where(block => block.Type == 6)];
        Assert.Equal(Threads * Each, packets.Count + lost);
        Assert.All(packets, packet => Assert.Equal(frame, packet.Body[20..1520]));
        ulong told = packets.Aggregate(0UL, (sum, packet) => sum + BinaryPrimitives.ReadUInt64LittleEndian(Options(packet.Body.AsSpan(1520))[4]));
        Assert.InRange(told, 0UL, (ulong)lost);
    }

    [Fact]
    public void Disk_that_is_full_ends_the_capture_and_nothing_else()
    {
        if (!File.Exists("/dev/full")) return;
        using FrameCapture capture = FrameCapture.Create("/dev/full", NullLogger.Instance);
        int adapter = capture.AddInterface("x");
        for (int i = 0; i < 100_000; i++) capture.Add(adapter, FrameDirection.Inbound, new byte[100]);
    }

    private static Dictionary<int, byte[]> Options(ReadOnlySpan<byte> rest)
    {
        Dictionary<int, byte[]> options = [];
        while (rest.Length >= 4)
        {
            int code = BinaryPrimitives.ReadUInt16LittleEndian(rest), bytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]);
            if (code == 0) break;
            options[code] = rest.Slice(4, bytes).ToArray();
            rest = rest[(4 + ((bytes + 3) & ~3))..];
        }

        return options;
    }

    private List<(uint Type, byte[] Body)> Read()
    {
        byte[] file = File.ReadAllBytes(_path);
        List<(uint, byte[])> blocks = [];
        for (int at = 0; at < file.Length;)
        {
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            Assert.Equal(0, bytes % 4);
            // The length stands at both ends.
            Assert.Equal(bytes, BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + bytes - 4)));
            blocks.Add((BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)), file[(at + 8)..(at + bytes - 4)]));
            at += bytes;
        }

        return blocks;
    }
}
