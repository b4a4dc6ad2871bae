using VmBus.Conformance.Running;
using VmBus.Protocol.DynamicMemory;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Checks.Devices;

/// <summary>Dynamic memory. Source: protocol-spec/dynamic-memory.md.</summary>
internal static class MemoryChecks
{
    /// <summary>What the device is.</summary>
    public static readonly Guid InterfaceType = new("525074dc-8985-46e2-8057-a307dc18a502");
    private static readonly (uint Version, string Name)[] Versions = [(0x0002_0000, "2.0"), (0x0001_0000, "1.0"), (0x0000_0003, "0.3")];

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("DM-1", AnswersVersions),
        new("DM-2", TakesAVersion),
        new("DM-3", AnswersCapabilities),
        new("DM-4", SilentBeforeAgreement),
        new("DM-5", TakesReports),
        new("DM-6", DropsStrays),
    ];

    private static string AnswersVersions(Bench bench)
    {
        BenchChannel channel = Open(bench);
        uint[] unknown = [0, 0x0003_0000, 0x0002_0001, uint.MaxValue];
        foreach (uint version in unknown) Bench.Must(!Propose(channel, version), $"Version {version:x} was taken.");
        return $"{unknown.Length} refused";
    }

    private static string TakesAVersion(Bench bench)
    {
        BenchChannel channel = Open(bench);
        foreach ((uint version, string name) in Versions)
        {
            if (Propose(channel, version)) return name;
        }

        throw new RuleBrokenException("None of 2.0, 1.0 and 0.3 was taken.");
    }

    private static string AnswersCapabilities(Bench bench)
    {
        BenchChannel channel = Open(bench);
        Agree(channel);
        return "one response of 16 bytes";
    }

    private static string SilentBeforeAgreement(Bench bench)
    {
        BenchChannel channel = Open(bench);
        Bench.Must(channel.Take(TimeSpan.FromMilliseconds(200)) is null, "A message came before the agreement.");
        return "nothing came for 0.2 s";
    }

    private static string TakesReports(Bench bench)
    {
        BenchChannel channel = Open(bench);
        Agree(channel);
        byte[] report = Message(DynamicMemoryMessageType.StatusReport, 48);
        for (int i = 0; i < 10; i++) channel.Send(report, 0, flags: 0);
        Bench.Must(channel.Take(TimeSpan.FromMilliseconds(100)) is null, "A report was answered.");
        bench.MustGoOn("Ten reports");
        return "ten reports, no answer";
    }

    private static string DropsStrays(Bench bench)
    {
        BenchChannel channel = Open(bench);
        Agree(channel);
        byte[] response = Message(DynamicMemoryMessageType.BalloonResponse, 24);
        // One range, the last: a page of the guest's that nobody asked for.
        WriteUInt32LittleEndian(response.AsSpan(12), 1 << 1);
        WriteUInt64LittleEndian(response.AsSpan(16), bench.TakePages(1).FirstPage | (1ul << 40));
        channel.Send(response, 0, flags: 0);
        channel.Send(Message(DynamicMemoryMessageType.UnballoonResponse, DynamicMemoryHeader.Size), 0, flags: 0);
        channel.Send(Message((DynamicMemoryMessageType)99, 16), 0, flags: 0);
        channel.Send([], 0, flags: 0);
        channel.Send(new byte[4], 0, flags: 0);
        Bench.Must(!Propose(channel, 0), "Version 0 was taken.");
        bench.MustGoOn("Responses to nothing");
        return "two responses to nothing, an unknown type, two short messages";
    }

    /// <summary>Connects, and opens the device.</summary>
    public static BenchChannel Open(Bench bench)
    {
        _ = bench.ConnectAndList();
        return bench.Open(bench.Find(InterfaceType, "dynamic memory"));
    }

    /// <summary>Agrees on a version, and says that the guest can do everything.</summary>
    public static void Agree(BenchChannel channel)
    {
        Bench.Must(Array.Exists(Versions, pair => Propose(channel, pair.Version)), "No version was taken.");
        byte[] report = Message(DynamicMemoryMessageType.CapabilitiesReport, DynamicMemoryMessages.CapabilitiesSize);
        WriteUInt64LittleEndian(report.AsSpan(8), 3);
        channel.Send(report, 0, flags: 0);
        byte[] answer = Expect(channel, DynamicMemoryMessageType.CapabilitiesResponse, "The capabilities report");
        Bench.Must(answer.Length == DynamicMemoryMessages.WordSize, $"The capabilities response has {answer.Length} bytes.");
    }

    private static bool Propose(BenchChannel channel, uint version)
    {
        byte[] request = Message(DynamicMemoryMessageType.VersionRequest, DynamicMemoryMessages.WordSize);
        WriteUInt32LittleEndian(request.AsSpan(8), version);
        channel.Send(request, 0, flags: 0);
        byte[] answer = Expect(channel, DynamicMemoryMessageType.VersionResponse, $"Version {version:x}");
        ulong taken = answer.Length == DynamicMemoryMessages.WordSize ? ReadUInt64LittleEndian(answer.AsSpan(8)) : 2;
        Bench.Must(taken <= 1, $"Version {version:x} was answered with {Convert.ToHexString(answer)}.");
        return taken == 1;
    }

    /// <summary>The next message, which has to be of this type, without what pads it.</summary>
    public static byte[] Expect(BenchChannel channel, DynamicMemoryMessageType type, string after)
    {
        ReceivedPacket packet = channel.Expect(after);
        bool sound = DynamicMemoryHeader.TryRead(packet.Payload, out DynamicMemoryHeader header) && header.Type == type;
        Bench.Must(sound, $"{after} was answered with {Convert.ToHexString(packet.Payload)}.");
        return packet.Payload[..header.Bytes];
    }

    /// <summary>A message of the guest; what is behind its header is zero.</summary>
    public static byte[] Message(DynamicMemoryMessageType type, int bytes)
    {
        byte[] message = new byte[bytes];
        new DynamicMemoryHeader(type, bytes, 7).Write(message);
        return message;
    }
}
