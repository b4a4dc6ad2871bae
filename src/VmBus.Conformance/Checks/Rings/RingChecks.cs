using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>Rings of a sound guest. The storage controller's handshake, which may be begun at any time, is what is asked. Source: protocol-spec/ring.md.</summary>
internal static class RingChecks
{
    // A request of the handshake with its trailer, and its answer.
    private const int RequestBytes = PacketDescriptor.Size + StorageBench.PacketBytes + PacketDescriptor.TrailerBytes;
    private const uint Stale = 0x5A5A_5A58;

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("RG-1", CompletesOnce),
        new("RG-2", CompletesOnlyWhenAsked),
        new("RG-3", WritesPlainCompletions),
        new("RG-4", WritesSoundPackets),
        new("RG-5", Wraps),
        new("RG-6", WaitsForSpace),
        new("RG-7", AsksForSpace),
        new("RG-8", Signals),
        new("RG-9", SignalsSpace),
        new("RG-10", LeavesClosedRings),
        new("RG-11", BeginsAnywhere),
        new("RG-12", ClearsTheMask),
        new("RG-20", IgnoresReserved),
    ];

    private static string CompletesOnce(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        ulong[] ids = [1, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFE, 0x0123_4567_89AB_CDEF, 0xFFFF_FFFF, 0x1_0000_0000];
        foreach (ulong id in ids) storage.Channel.Send(Begin(), id);
        var completed = new List<ulong>();
        while (completed.Count < ids.Length) completed.Add(storage.Channel.Expect("A request").Descriptor.TransactionId);
        Bench.Must(completed.Order().SequenceEqual(ids.Order()), $"The completions name {string.Join(", ", completed.Select(static id => $"{id:x}"))}.");
        Bench.Must(storage.Begin(), "The channel does not go on.");
        return $"{ids.Length} requests, each completed once under its 64 bits";
    }

    private static string CompletesOnlyWhenAsked(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        for (ulong id = 1; id <= 5; id++) storage.Channel.Send(Begin(), id, flags: 0);
        storage.Channel.Send(Begin(), 77);
        _ = storage.Channel.Complete(77, "A request after five that wanted no completion");
        return "five without a completion, then one with";
    }

    private static string WritesPlainCompletions(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        ReceivedPacket packet = storage.Ask(VstorOperation.BeginInitialization).Packet;
        Bench.Must(packet.Descriptor.Flags == 0, $"A completion has flags {packet.Descriptor.Flags:x}.");
        return "type 0xB, flags 0";
    }

    private static string WritesSoundPackets(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        BenchChannel channel = storage.Channel;
        int position = 0;
        for (ulong id = 1; id <= 200; id++)
        {
            channel.Send(Begin(), id);
            ReceivedPacket packet = channel.Complete(id, "A request");
            int next = (position + packet.Descriptor.TotalBytes + PacketDescriptor.TrailerBytes) % channel.DataBytes;
            uint write = channel.Word(outbound: false, RingControlPage.WriteIndex);
            Bench.Must(write == next, $"Packet {id} ends at {next}, the write index is {write}.");
            position = next;
        }

        return "200 packets, each ends at the write index";
    }

    private static string Wraps(Bench bench)
    {
        // The smallest ring, whose length the packets do not divide: each part of a packet comes to lie on the end.
        var storage = StorageBench.Open(bench, pagesPerRing: 2);
        int packets = 20 * storage.Channel.DataBytes / RequestBytes;
        for (ulong id = 1; id <= (ulong)packets; id++)
        {
            storage.Channel.Send(Begin(), id);
            StorageAnswer answer = StorageBench.Read(storage.Channel.Complete(id, "A request"));
            Bench.Must(answer.Header is { Operation: VstorOperation.CompleteIo, Status: StorageStatus.Success }, $"Packet {id} was answered with {answer.Header}.");
        }

        return $"{packets} packets both ways through rings of {storage.Channel.DataBytes} bytes";
    }

    private static string WaitsForSpace(Bench bench)
    {
        (BenchChannel channel, int sent) = Stall(bench);
        for (ulong id = 1; id <= (ulong)sent; id++) _ = channel.Complete(id, "Taking answers from a full ring");
        return $"{sent} requests, the ring was full at {channel.DataBytes} bytes, no answer was lost";
    }

    private static string AsksForSpace(Bench bench)
    {
        (BenchChannel channel, int sent) = Stall(bench);
        uint pending = 0;
        bool asked = bench.WaitUntil(() => (pending = channel.Word(outbound: false, RingControlPage.PendingSendSize)) != 0);
        Bench.Must(asked, "The pending send size is 0 while the ring is full.");
        Bench.Must(pending < channel.DataBytes, $"The pending send size {pending} can never be free in {channel.DataBytes} bytes.");
        for (ulong id = 1; id <= (ulong)sent; id++) _ = channel.Complete(id, "Taking answers from a full ring");
        return $"pending send size {pending}";
    }

    private static string Signals(Bench bench)
    {
        var storage = StorageBench.Open(bench);
        // Every answer is waited for by its interrupt alone, with an empty ring before it.
        for (ulong id = 1; id <= 500; id++)
        {
            storage.Channel.SendForSignal(Begin(), id);
            _ = storage.Channel.Complete(id, "A request");
        }

        return "500 answers, each by an interrupt";
    }

    private static string SignalsSpace(Bench bench)
    {
        (BenchChannel channel, int sent) = Stall(bench);
        // The guest's own ring is full as well by now: it asks for half of it and masks the host's packets.
        channel.SetWord(outbound: true, RingControlPage.PendingSendSize, (uint)channel.DataBytes / 2);
        channel.SetWord(outbound: false, RingControlPage.InterruptMask, 1);
        while (bench.Transport.WaitForInterrupt(channel.Id, TimeSpan.Zero))
        {
        }

        int taken = 0;
        while (channel.Client.TryReceive(out _) == VmBus.Memory.Rings.RingStatus.Ok) taken++;
        channel.Client.Release();
        Bench.Must(bench.Transport.WaitForInterrupt(channel.Id, bench.Patience), "No signal came when half of the outbound ring was free.");
        return $"{sent} requests in a full ring, {taken} answers taken, then the signal";
    }

    private static string LeavesClosedRings(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        foreach (bool outbound in new[] { true, false })
        {
            foreach (int word in new[] { RingControlPage.WriteIndex, RingControlPage.ReadIndex, RingControlPage.InterruptMask, RingControlPage.PendingSendSize })
                channel.SetWord(outbound, word, Stale);
        }

        bench.MustBeSilent("Rings that make no sense, not open");
        foreach (bool outbound in new[] { true, false })
        {
            foreach (int word in new[] { RingControlPage.WriteIndex, RingControlPage.ReadIndex, RingControlPage.InterruptMask, RingControlPage.PendingSendSize })
                Bench.Must(channel.Word(outbound, word) == Stale, $"The host has written offset {word} of a control page before OPEN_CHANNEL.");
        }

        channel.Client.Rings.Restart();
        channel.Open();
        Bench.Must(StorageBench.On(bench, channel).Begin(), "The channel does not work.");
        return "rings cleared between the GPADL and the open work";
    }

    private static string BeginsAnywhere(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench), pagesPerRing: 2);
        uint place = (uint)channel.DataBytes - PacketDescriptor.Alignment;
        foreach (bool outbound in new[] { true, false })
        {
            channel.SetWord(outbound, RingControlPage.WriteIndex, place);
            channel.SetWord(outbound, RingControlPage.ReadIndex, place);
        }

        channel.Open();
        // Packets by hand: the driver's rings begin at 0.
        byte[] packet = new byte[RequestBytes];
        new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, RequestBytes - PacketDescriptor.TrailerBytes, 1, 42).Write(packet);
        Begin().CopyTo(packet, PacketDescriptor.Size);
        channel.SetData(outbound: true, (int)place, packet.AsSpan(0, PacketDescriptor.Alignment));
        channel.SetData(outbound: true, 0, packet.AsSpan(PacketDescriptor.Alignment));
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, RequestBytes - PacketDescriptor.Alignment);
        _ = channel.Client.Signal();
        bool answered = bench.WaitUntil(() => channel.Word(outbound: false, RingControlPage.WriteIndex) != place);
        Bench.Must(answered, "A ring that begins at its last 8 bytes is not served.");
        byte[] completion = [.. channel.Data(outbound: false, (int)place, 8), .. channel.Data(outbound: false, 0, 8)];
        bool sound = PacketDescriptor.TryRead(completion, out PacketDescriptor descriptor) && descriptor is { Type: PacketType.Completion, TransactionId: 42 };
        Bench.Must(sound, $"The answer lies elsewhere: {Convert.ToHexString(completion)}.");
        return $"both rings begun at {place} of {channel.DataBytes}";
    }

    private static string ClearsTheMask(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        channel.SetWord(outbound: true, RingControlPage.InterruptMask, 1);
        channel.Open();
        Bench.Must(bench.WaitUntil(() => channel.Word(outbound: true, RingControlPage.InterruptMask) == 0), "The interrupt mask is still set.");
        Bench.Must(StorageBench.On(bench, channel).Begin(), "The channel does not work.");
        return "0 after the open";
    }

    private static string IgnoresReserved(Bench bench)
    {
        _ = bench.ConnectAndList();
        BenchChannel channel = bench.Prepare(StorageBench.Find(bench));
        foreach (bool outbound in new[] { true, false })
        {
            for (int offset = 16; offset < 64; offset += 4) channel.SetWord(outbound, offset, Stale);
            for (int offset = 68; offset < RingControlPage.Size; offset += 4) channel.SetWord(outbound, offset, Stale);
        }

        channel.Open();
        var storage = StorageBench.On(bench, channel);
        Bench.Must(storage.Begin(), "The channel does not work with reserved bytes set.");
        // A packet with a trailer of noise.
        byte[] packet = new byte[RequestBytes];
        new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, RequestBytes - PacketDescriptor.TrailerBytes, 1, 43).Write(packet);
        Begin().CopyTo(packet, PacketDescriptor.Size);
        packet.AsSpan(RequestBytes - PacketDescriptor.TrailerBytes).Fill(0xA5);
        channel.SetData(outbound: true, RequestBytes, packet);
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, 2 * RequestBytes);
        _ = channel.Client.Signal();
        _ = channel.Complete(43, "A packet with a trailer of noise");
        return "control pages and a trailer full of noise";
    }

    private static byte[] Begin() => StorageBench.Packet(VstorOperation.BeginInitialization);

    // Sends without taking answers until neither ring takes more.
    private static (BenchChannel Channel, int Sent) Stall(Bench bench)
    {
        var storage = StorageBench.Open(bench, pagesPerRing: 2);
        BenchChannel channel = storage.Channel;
        int sent = 0;
        uint taken = uint.MaxValue;
        while (true)
        {
            if (channel.Client.TrySend(PacketType.DataInband, [], Begin(), (ulong)sent + 1, PacketDescriptor.CompletionRequested) == VmBus.Memory.Rings.RingStatus.Ok)
            {
                channel.Client.Flush();
                sent++;
                continue;
            }

            // The host reads on until it has nowhere to answer.
            if (!bench.WaitUntil(() => channel.Word(outbound: true, RingControlPage.ReadIndex) != taken, TimeSpan.FromMilliseconds(100))) break;
            taken = channel.Word(outbound: true, RingControlPage.ReadIndex);
        }

        Bench.Must(sent * (long)RequestBytes > channel.DataBytes, $"Only {sent} requests were taken.");
        return (channel, sent);
    }
}
