using System.Globalization;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Inside;

/// <summary>The rings of the echo device's channel, and on which processor its interrupts come. Source: protocol-spec/ring.md, protocol-spec/synic.md.</summary>
internal static class EchoChecks
{
    private const int Interrupts = 50;

    public static IEnumerable<InsideCheck> All =>
    [
        new("RG-1", static bench => RingChecks.CompletesOnce(bench.OpenEcho())),
        new("RG-2", static bench => RingChecks.CompletesOnlyWhenAsked(bench.OpenEcho())),
        new("RG-3", static bench => RingChecks.WritesPlainCompletions(bench.OpenEcho())),
        new("RG-4", static bench => RingChecks.WritesSoundPackets(bench.OpenEcho())),
        new("RG-5", static bench => RingChecks.Wraps(bench.OpenEcho())),
        new("RG-6", static bench => RingChecks.WaitsForSpace(bench.OpenEcho())),
        new("RG-7", static bench => RingChecks.AsksForSpace(bench.OpenEcho())),
        new("RG-8", static bench => RingChecks.Signals(bench.OpenEcho())),
        new("RG-9", static bench => RingChecks.SignalsSpace(bench.OpenEcho())),
        new("RG-12", ClearsTheMask),
        new("RG-20", static bench => RingChecks.IgnoresReserved(bench.OpenEcho())),
        new("CH-37", TakesTheFirstSignal),
        new("CH-39", static bench => Moves(bench, static version => version >= ProtocolVersion.V5_3, "5.3 or later")),
        new("CH-41", static bench => Moves(bench, static version => version >= ProtocolVersion.V4_1 && version < ProtocolVersion.V5_3, "4.1 to 5.2")),
        new("SY-5", InterruptsTheProcessor),
        new("SY-16", TakesTheMonitorBit),
    ];

    // Kernels before 6.12 leave the word as it was when they open a channel again, newer ones clear it themselves.
    private static string ClearsTheMask(InsideBench bench)
    {
        bench.OpenEcho().Channel.SetWord(outbound: true, RingControlPage.InterruptMask, 1);
        EchoRings again = bench.OpenEcho();
        bool isClear = again.Channel.WaitUntil(() => again.Channel.Word(outbound: true, RingControlPage.InterruptMask) == 0);
        Bench.Must(isClear, "The interrupt mask is still set.");
        _ = again.Ask("A request after the channel was opened again");
        return "set, then 0 after the channel was opened again";
    }

    private static string TakesTheFirstSignal(InsideBench bench)
    {
        for (int round = 0; round < 5; round++) _ = bench.OpenEcho().Ask("A signal right after the open");
        return "5 times answered right after the open; nothing here can signal a channel that is closed";
    }

    private static string TakesTheMonitorBit(InsideBench bench)
    {
        EchoRings device = bench.OpenEcho();
        if (bench.MonitorId is not { } id) throw new NotCoveredException("The device is signalled by hypercalls: its offer has no monitor id.");
        for (int asked = 0; asked < Interrupts; asked++) _ = device.Ask("A request signalled by the monitor page");
        return $"{Interrupts} requests signalled by bit {id}, and no hypercall";
    }

    private static string InterruptsTheProcessor(InsideBench bench)
    {
        EchoRings device = bench.OpenEcho();
        int processor = Processor(bench);
        MustInterrupt(bench, device, processor);
        return $"{Interrupts} answers came with interrupts of processor {processor}";
    }

    private static string Moves(InsideBench bench, Func<ProtocolVersion, bool> speaks, string versions)
    {
        ProtocolVersion version = bench.View.Version;
        if (!speaks(version)) throw new NotCoveredException($"The kernel has agreed on {version}; it takes {versions}.");
        EchoRings device = bench.OpenEcho();
        int before = Processor(bench);
        int[] others = [.. bench.View.Interrupts().Keys.Where(processor => processor != before).Order()];
        if (others.Length == 0) throw new NotCoveredException("The guest has one processor.");
        try
        {
            // The kernel posts MODIFYCHANNEL and, from 5.3 on, fails the write where the answer is not 0.
            Write(bench, others[0]);
        }
        catch (IOException failure)
        {
            throw new RuleBrokenException($"The channel was not moved to processor {others[0]}: {failure.Message}");
        }

        MustInterrupt(bench, device, others[0]);
        Write(bench, before);
        MustInterrupt(bench, device, before);
        return $"moved from processor {before} to {others[0]} and back at {version}, its interrupts with it";
    }

    private static void MustInterrupt(InsideBench bench, EchoRings device, int processor)
    {
        long before = bench.View.Interrupts()[processor];
        for (ulong id = 1; id <= Interrupts; id++)
        {
            device.Channel.SendForSignal(device.Request(id, 0), id);
            _ = device.Channel.Complete(id, "A request");
        }

        long came = bench.View.Interrupts()[processor] - before;
        Bench.Must(came >= Interrupts, $"{Interrupts} answers came with {came} interrupts of processor {processor}.");
    }

    private static int Processor(InsideBench bench) => int.Parse(File.ReadAllText(bench.ChannelFile("cpu")), CultureInfo.InvariantCulture);

    private static void Write(InsideBench bench, int processor) => File.WriteAllText(bench.ChannelFile("cpu"), string.Create(CultureInfo.InvariantCulture, $"{processor}"));
}
