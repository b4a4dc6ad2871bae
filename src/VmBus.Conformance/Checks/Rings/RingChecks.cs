using VmBus.Conformance.Running;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Checks.Rings;

/// <summary>Rings of a sound guest, at whatever device answers, whoever has opened its channel. Source: protocol-spec/ring.md.</summary>
internal static class RingChecks
{
    private const int Overhead = PacketDescriptor.Size + PacketDescriptor.TrailerBytes;
    private const int Laps = 20;
    private const uint Noise = 0x5A5A_5A58;

    public static string CompletesOnce(RingDevice device)
    {
        ulong[] ids = [1, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFE, 0x0123_4567_89AB_CDEF, 0xFFFF_FFFF, 0x1_0000_0000];
        var requests = ids.ToDictionary(static id => id, id => device.Request(id, 0));
        foreach (ulong id in ids) device.Channel.Send(requests[id], id);
        var completed = new List<ulong>();
        while (completed.Count < ids.Length)
        {
            ReceivedPacket packet = device.Channel.Expect("A request");
            ulong id = packet.Descriptor.TransactionId;
            completed.Add(id);
            if (requests.TryGetValue(id, out byte[]? request)) device.MustAnswer(packet, request);
        }

        Bench.Must(completed.Order().SequenceEqual(ids.Order()), $"The completions name {string.Join(", ", completed.Select(static id => $"{id:x}"))}.");
        _ = device.Ask("The channel does not go on");
        return $"{ids.Length} requests, each completed once under its 64 bits";
    }

    public static string CompletesOnlyWhenAsked(RingDevice device)
    {
        for (ulong id = 1; id <= 5; id++) device.Channel.Send(device.Request(id, 0), id, flags: 0);
        _ = device.Ask(77, 0, "A request after five that wanted no completion");
        return "five without a completion, then one with";
    }

    public static string WritesPlainCompletions(RingDevice device)
    {
        ReceivedPacket packet = device.Ask("A request");
        Bench.Must(packet.Descriptor.Flags == 0, $"A completion has flags {packet.Descriptor.Flags:x}.");
        return "type 0xB, flags 0";
    }

    public static string WritesSoundPackets(RingDevice device)
    {
        RingChannel channel = device.Channel;
        uint position = channel.Word(outbound: false, RingControlPage.WriteIndex);
        for (ulong id = 1; id <= 200; id++)
        {
            ReceivedPacket packet = device.Ask(id, 0, "A request");
            uint next = (position + (uint)packet.Descriptor.TotalBytes + PacketDescriptor.TrailerBytes) % (uint)channel.DataBytes;
            uint write = channel.Word(outbound: false, RingControlPage.WriteIndex);
            Bench.Must(write == next, $"Packet {id} ends at {next}, the write index is {write}.");
            position = next;
        }

        return "200 packets, each ends at the write index";
    }

    public static string Wraps(RingDevice device)
    {
        RingChannel channel = device.Channel;
        int laps = 0, before = -1;
        ulong packets = 0;
        while (laps < Laps)
        {
            int position = (int)channel.Word(outbound: true, RingControlPage.WriteIndex);
            if (position < before) laps++;
            before = position;
            // Where lengths can be chosen, the packet at the end begins 8 bytes before it in the first lap, 16 in the second and so on: each of its
            // parts comes to lie on the end. Where they cannot, they do not divide the ring, which comes to the same.
            int best = channel.DataBytes - position - Overhead - (PacketDescriptor.Alignment * (laps + 1));
            _ = device.Ask(++packets, best > 0 ? best : 0, "A request");
        }

        return $"{packets} packets both ways through rings of {channel.DataBytes} bytes";
    }

    public static string WaitsForSpace(RingDevice device)
    {
        byte[][] requests = Stall(device);
        TakeAll(device, requests);
        return $"{requests.Length} requests, the ring was full at {device.Channel.DataBytes} bytes, no answer was lost";
    }

    public static string AsksForSpace(RingDevice device)
    {
        RingChannel channel = device.Channel;
        byte[][] requests = Stall(device);
        uint pending = 0;
        bool asked = channel.WaitUntil(() => (pending = channel.Word(outbound: false, RingControlPage.PendingSendSize)) != 0);
        Bench.Must(asked, "The pending send size is 0 while the ring is full.");
        Bench.Must(pending < channel.DataBytes, $"The pending send size {pending} can never be free in {channel.DataBytes} bytes.");
        TakeAll(device, requests);
        return $"pending send size {pending}";
    }

    public static string Signals(RingDevice device)
    {
        // Every answer is waited for by its interrupt alone, with an empty ring before it.
        for (ulong id = 1; id <= 500; id++)
        {
            byte[] request = device.Request(id, 0);
            device.Channel.SendForSignal(request, id);
            device.MustAnswer(device.Channel.Complete(id, "A request"), request);
        }

        return "500 answers, each by an interrupt";
    }

    public static string SignalsSpace(RingDevice device)
    {
        RingChannel channel = device.Channel;
        // Requests without an answer, so that nothing else is signalled; the host sees none of them before the ring is full.
        ulong sent = 0;
        while (channel.TryWrite(device.Request(sent + 1, device.LongestRequest), sent + 1, flags: 0)) sent++;
        channel.SetWord(outbound: true, RingControlPage.PendingSendSize, (uint)channel.DataBytes / 2);
        channel.SetWord(outbound: false, RingControlPage.InterruptMask, 1);
        channel.ForgetInterrupts();
        channel.Publish();
        Bench.Must(channel.WaitForInterrupt(channel.Patience), "No signal came when half of the outbound ring was free.");
        channel.SetWord(outbound: true, RingControlPage.PendingSendSize, 0);
        return $"{sent} requests in a full ring, then the signal";
    }

    public static string IgnoresReserved(RingDevice device)
    {
        RingChannel channel = device.Channel;
        FillReserved(channel);
        _ = device.Ask("A request with reserved bytes set");
        // A packet with a trailer of noise.
        const ulong Id = 43;
        byte[] request = device.Request(Id, 0);
        byte[] packet = new byte[Overhead + request.Length];
        new PacketDescriptor(PacketType.DataInband, PacketDescriptor.Size, packet.Length - PacketDescriptor.TrailerBytes, PacketDescriptor.CompletionRequested, Id).Write(packet);
        request.CopyTo(packet, PacketDescriptor.Size);
        packet.AsSpan(^PacketDescriptor.TrailerBytes..).Fill(0xA5);
        uint position = channel.Word(outbound: true, RingControlPage.WriteIndex);
        channel.SetData(outbound: true, (int)position, packet);
        channel.SetWord(outbound: true, RingControlPage.WriteIndex, position + (uint)packet.Length);
        _ = channel.Signal();
        device.MustAnswer(channel.Complete(Id, "A packet with a trailer of noise"), request);
        return "control pages and a trailer full of noise";
    }

    /// <summary>Fills what a control page has reserved, in both rings.</summary>
    public static void FillReserved(RingChannel channel)
    {
        foreach (bool outbound in new[] { true, false })
        {
            for (int offset = RingControlPage.PendingSendSize + sizeof(uint); offset < RingControlPage.FeatureBits; offset += sizeof(uint)) channel.SetWord(outbound, offset, Noise);
            for (int offset = RingControlPage.FeatureBits + sizeof(uint); offset < RingControlPage.Size; offset += sizeof(uint)) channel.SetWord(outbound, offset, Noise);
        }
    }

    // Sends without taking answers until neither ring takes more.
    private static byte[][] Stall(RingDevice device)
    {
        RingChannel channel = device.Channel;
        var requests = new List<byte[]>();
        uint taken = uint.MaxValue;
        while (true)
        {
            ulong id = (ulong)requests.Count + 1;
            byte[] request = device.Request(id, device.LongestRequest);
            if (channel.TryWrite(request, id, PacketDescriptor.CompletionRequested))
            {
                channel.Publish();
                requests.Add(request);
                continue;
            }

            // The host reads on until it has nowhere to answer.
            if (!channel.WaitUntil(() => channel.Word(outbound: true, RingControlPage.ReadIndex) != taken, TimeSpan.FromMilliseconds(100))) break;
            taken = channel.Word(outbound: true, RingControlPage.ReadIndex);
        }

        Bench.Must(requests.Sum(static request => (long)request.Length + Overhead) > channel.DataBytes, $"Only {requests.Count} requests were taken.");
        return [.. requests];
    }

    private static void TakeAll(RingDevice device, byte[][] requests)
    {
        for (int i = 0; i < requests.Length; i++) device.MustAnswer(device.Channel.Complete((ulong)i + 1, "Taking answers from a full ring"), requests[i]);
    }
}
