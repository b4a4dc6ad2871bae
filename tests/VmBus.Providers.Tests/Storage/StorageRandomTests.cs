using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Providers.Storage;
using VmBus.Storage.Scsi;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>Long runs of random packets, endings, full rings, resets and closes.</summary>
/// <remarks>
/// Whatever happens: nothing throws, every request that wants an answer gets exactly one, nothing else is answered, and a channel that is
/// closed gets there.
/// </remarks>
public sealed class StorageRandomTests
{
    private const int Steps = 20_000;
    private static readonly ScsiStatus[] Statuses = Enum.GetValues<ScsiStatus>();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_request_is_answered_once_whatever_happens(int seed)
    {
        var random = new Random(seed);
        var options = new StorageOptions { QueueDepth = random.Next(1, 40), MaximumSubchannels = 4, ExpectCompletionsAt = random.Next(1, 5) };
        using StorageGuest guest = StorageGuest.Ready(options);
        var channels = new List<Peer> { new(guest.Endpoint, guest.Channel) };
        for (int i = 0; i < 3; i++) channels.Add(new Peer(guest.Open(primary: false)));
        ulong nextId = 1;

        for (int step = 0; step < Steps; step++)
        {
            Peer peer = channels[random.Next(channels.Count)];
            switch (random.Next(10))
            {
                case < 4:
                    byte[] payload = Payload(random);
                    (PacketType type, byte[] ranges) = Buffer(random);
                    ushort flags = (ushort)random.Next(4);
                    peer.Offer(payload, random.Next(50) == 0 ? 0 : nextId++, type, ranges, flags);
                    break;
                case < 7:
                    if (peer.Channel.Running.Count > 0) End(peer.Channel, random);
                    break;
                case 7:
                    peer.Channel.Room = random.Next(4) == 0 ? 0 : random.Next(20);
                    peer.Endpoint.EndBatch();
                    break;
                case 8:
                    peer.Channel.RunPosted();
                    break;
                default:
                    if (random.Next(20) == 0) guest.Target.RefreshGeometry();
                    if (random.Next(40) == 0 && peer.Endpoint != guest.Endpoint) Replace(channels, peer, guest);
                    break;
            }
        }

        foreach (Peer peer in channels) peer.Channel.Room = int.MaxValue;
        for (int round = 0; channels.Exists(peer => !peer.IsIdle); round++)
        {
            Assert.True(round < 100_000, "The controller does not come to rest.");
            foreach (Peer peer in channels)
            {
                if (peer.Channel.Running.Count > 0) peer.Channel.EndOldest();
                peer.Endpoint.EndBatch();
                peer.Channel.RunPosted();
                peer.Retry();
            }
        }

        foreach (Peer peer in channels) peer.CloseAndCheck();
        Assert.Equal((0, 0), (guest.Provider.Counters.InFlight, guest.Provider.Counters.OpenChannels));
    }

    private static void Replace(List<Peer> channels, Peer peer, StorageGuest guest)
    {
        peer.Channel.Room = int.MaxValue;
        peer.Endpoint.Close();
        while (peer.Channel.Running.Count > 0) peer.Channel.EndOldest();
        peer.Channel.RunPosted();
        peer.Check();
        channels[channels.IndexOf(peer)] = new Peer(guest.Open(primary: false));
    }

    private static void End(ScriptedChannel channel, Random random)
    {
        ScsiRequest command = channel.Running[random.Next(channel.Running.Count)];
        command.Status = Statuses[random.Next(Statuses.Length)];
        command.NoSuchUnit = random.Next(20) == 0;
        command.Transferred = random.NextInt64(-1, command.Data.Bytes + 2);
        channel.End(command);
    }

    // Mostly commands; some of everything else; some noise.
    private static byte[] Payload(Random random)
    {
        int length = random.Next(10) == 0 ? random.Next(0, 200) : random.Next(3) == 0 ? 48 : 64;
        var bytes = new byte[length];
        random.NextBytes(bytes);
        if (length < 48 || random.Next(10) == 0) return bytes;
        // A handshake that begins again stops all commands until it ends, so most runs leave it alone.
        uint operation = random.Next(100) switch
        {
            < 90 => 3,
            < 93 => (uint)random.Next(4, 7),
            < 94 => 10,
            < 95 => 13,
            _ => (uint)random.Next(14, 30),
        };
        new VstorHeader((VstorOperation)operation, 1, StorageStatus.Success).Write(bytes);
        if (operation != 3 || random.Next(20) == 0) return bytes;
        uint transfer = (uint)(random.Next(3) * 2048);
        new ScsiRequestBlock(SrbStatus.Pending, 0, 0, 0, 0, (byte)random.Next(4), 16, 20, (SrbDirection)random.Next(3), transfer).Write(bytes.AsSpan(12));
        bytes[28] = (byte)(random.Next(2) == 0 ? 0x28 : random.Next(256));
        return bytes;
    }

    private static (PacketType Type, byte[] Ranges) Buffer(Random random)
    {
        if (random.Next(4) == 0) return ((PacketType)random.Next(4, 13), []);
        ulong[] pages = [.. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(20) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(2000))];
        int bytes = random.Next(20) == 0 ? random.Next() : random.Next(8193);
        int offset = random.Next(20) == 0 ? random.Next(9000) : 0;
        byte[] ranges = StorageGuest.Range((uint)bytes, (uint)offset, pages);
        if (random.Next(20) == 0) random.NextBytes(ranges);
        return (PacketType.DataUsingGpaDirect, random.Next(20) == 0 ? ranges[..random.Next(ranges.Length)] : ranges);
    }

    /// <summary>One channel, what it owes, and what waits in the guest's ring.</summary>
    private sealed class Peer(StorageEndpoint endpoint, ScriptedChannel channel)
    {
        private readonly List<ulong> _owed = [];
        private (byte[] Payload, ulong Id, PacketType Type, byte[] Ranges, ushort Flags)? _waiting;

        public Peer((StorageEndpoint Endpoint, ScriptedChannel Channel) pair)
            : this(pair.Endpoint, pair.Channel)
        {
        }

        public StorageEndpoint Endpoint => endpoint;

        public ScriptedChannel Channel => channel;

        public bool IsIdle => _waiting is null && channel.Running.Count == 0 && channel.PostedCount == 0 && Answered.Count() == _owed.Count;

        private IEnumerable<ulong> Answered => channel.Sent.Where(p => p.Type == PacketType.Completion).Select(p => p.TransactionId);

        public void Offer(byte[] payload, ulong id, PacketType type, byte[] ranges, ushort flags)
        {
            Retry();
            if (_waiting is not null) return;
            if ((flags & PacketDescriptor.CompletionRequested) != 0 && id != 0 && type != PacketType.Completion) _owed.Add(id);
            _waiting = (payload, id, type, ranges, flags);
            Retry();
        }

        public void Retry()
        {
            if (_waiting is not { } packet) return;
            PacketVerdict verdict = StorageGuest.Send(endpoint, packet.Payload, packet.Id, packet.Type, packet.Ranges, packet.Flags);
            Assert.NotEqual(PacketVerdict.Violation, verdict);
            if (verdict == PacketVerdict.Taken) _waiting = null;
        }

        public void Check()
        {
            Assert.True(channel.IsClosed);
            // What still waited in the ring was never taken.
            if (_waiting is { } packet) _owed.Remove(packet.Id);
            Assert.Equal(_owed.Order(), Answered.Order());
            Assert.All(channel.Sent, p => Assert.True(p.Type == PacketType.Completion || p.TransactionId == 0));
        }

        public void CloseAndCheck()
        {
            endpoint.Close();
            Check();
        }
    }
}
