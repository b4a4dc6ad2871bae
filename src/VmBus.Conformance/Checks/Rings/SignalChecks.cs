using VmBus.Client.Transports;
using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>Messages, signals and event flags. Source: protocol-spec/synic.md.</summary>
internal static class SignalChecks
{
    private const uint OtherProcessor = 1;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("SY-1", TakesBothConnections),
        new("SY-2", RefusesOtherConnections),
        new("SY-3", RefusesUnboundSignals),
        new("SY-4", AnswersFloods),
        new("SY-5", InterruptsTheProcessor),
        new("SY-6", InterruptsNobody),
    ];

    private static string TakesBothConnections(Bench bench)
    {
        _ = bench.Connect();
        foreach (uint connection in new[] { ConnectionIds.Message, ConnectionIds.MultiClientMessage, ConnectionIds.Message })
        {
            Bench.Must(bench.PostTo(connection, Bench.Bytes(new GpadlTeardown(0, connection))) == PostResult.Accepted, $"Connection {connection} took no message.");
            Bench.Must(bench.Expect<GpadlTorndown>($"A message on connection {connection}").GpadlId == connection, "The answer was for another message.");
        }

        return "1, 4 and 1 again on one connection";
    }

    private static string RefusesOtherConnections(Bench bench)
    {
        _ = bench.Connect();
        uint[] connections = [0, 2, 3, 5, 0x1FFF, 0xFF_FFFF, 0x100_0001, uint.MaxValue];
        foreach (uint connection in connections)
        {
            PostResult result = bench.PostTo(connection, Bench.Bytes(new GpadlTeardown(0, 1)));
            if (result == PostResult.Accepted && !TellsRefusals(bench)) throw new NotCoveredException("The transport does not tell what became of a message.");
            Bench.Must(result == PostResult.Refused, $"Connection {connection:x} took a message.");
        }

        bench.MustBeSilent("Messages on connections that nobody listens on");
        return $"{connections.Length} connections";
    }

    private static string RefusesUnboundSignals(Bench bench)
    {
        _ = bench.ConnectAndList();
        uint[] connections = [0, 1, 2, 3, 4, 0x2000, 0x27FF, 0xFF_FFFF, uint.MaxValue, .. bench.Client.Offers.Select(static offer => offer.ConnectionId)];
        foreach (uint connection in connections) Bench.Must(!bench.Transport.Signal(connection), $"A signal on connection {connection:x} was taken, and nothing is open.");
        bench.MustGoOn("Signals on connections that nobody is bound to");
        return $"{connections.Length} connections, with those of all offers";
    }

    private static string AnswersFloods(Bench bench)
    {
        _ = bench.Connect();
        const uint Posted = 20_000;
        uint busy = 0, next = 0, expected = 0;
        byte[][] messages = [.. Enumerable.Range(0, 256).Select(static i => Bench.Bytes(new GpadlTeardown(0, (uint)i)))];
        while (expected < Posted)
        {
            PostResult result = next < Posted ? bench.Transport.Post(bench.MessageConnection, messages[next % 256]) : PostResult.Busy;
            if (result == PostResult.Accepted) next++;
            else busy++;
            // Answers are taken only when the host has no room: they come in the order of the posts that it accepted.
            if (result != PostResult.Busy) continue;
            GpadlTorndown torn = bench.Expect<GpadlTorndown>($"Message {expected} of a flood");
            Bench.Must(torn.GpadlId == expected % 256, $"Answer {expected} is for {torn.GpadlId}.");
            expected++;
        }

        bench.MustBeSilent("A flood");
        return $"{Posted} accepted and answered in order, {busy - (next == Posted ? 1 : 0)} times no room";
    }

    private static string InterruptsTheProcessor(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench), processor: OtherProcessor);
        channel.Open();
        channel.SendForSignal(StorageBench.Packet(VstorOperation.BeginInitialization), 1);
        return $"answers came with interrupts of processor {OtherProcessor}";
    }

    private static string InterruptsNobody(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench), processor: SyntheticInterrupts.NoProcessor);
        bench.Transport.Listen(0, channel.Id);
        bench.Transport.Listen(OtherProcessor, channel.Id);
        channel.Open();
        channel.Send(StorageBench.Packet(VstorOperation.BeginInitialization), 1);
        bool answered = bench.WaitUntil(() => channel.Word(outbound: false, VmBus.Protocol.Ring.RingControlPage.WriteIndex) != 0);
        Bench.Must(answered, "The request was not answered.");
        Bench.Must(!bench.Transport.WaitForInterrupt(channel.Id, TimeSpan.FromMilliseconds(100)), "A flag was raised.");
        return "answered in the ring, no flag raised";
    }

    // A transport that says nothing takes every message.
    private static bool TellsRefusals(Bench bench) => bench.Transport is not SocketTransport;
}
