using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Memory.Guest;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Providers.Storage;
using VmBus.Storage.Disks;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using Xunit;

namespace VmBus.Providers.Tests.Storage;

/// <summary>A controller like that of a capture: the same identities, limits and disk; one lane. Packets go in as they were in the ring.</summary>
internal sealed class StorageReplay : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly GuestMemory _memory;
    private readonly Lane _lane = Lane.Start("replay", NullLogger.Instance);
    private readonly ScsiTarget _target = new();
    private readonly StorageProvider _provider;
    private readonly Dictionary<uint, ReplayChannel> _channels = [];
    private readonly Dictionary<(uint Channel, ulong Id), List<(Gpa Start, int Bytes)>> _buffers = [];

    public StorageReplay(IReadOnlyDictionary<string, string> head)
    {
        _memory = GuestMemory.Create(ulong.Parse(head["memory"], CultureInfo.InvariantCulture));
        int[] size = [.. head["disk"].Split(' ').Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
        string[] traits = head["traits"].Split(' ');
        var disk = new FakeDisk(size[0], size[1], size[2], new DiskTraits(
            ReadOnly: false,
            WriteCache: bool.Parse(traits[0]),
            int.Parse(traits[1], CultureInfo.InvariantCulture),
            int.Parse(traits[2], CultureInfo.InvariantCulture),
            bool.Parse(traits[3])));
        string[] identity = head["identity"].Split(' ');
        _target.Add(default, disk, new ScsiIdentity(ScsiUnitKind.Disk, identity[0], Guid.Parse(identity[1])));
        int processors = int.Parse(head["processors"], CultureInfo.InvariantCulture);
        _provider = new StorageProvider(_target, Guid.Parse(head["controller"]), StorageOptions.ForProcessors(processors), NullLogger.Instance);
    }

    /// <summary>Answers that nobody has taken.</summary>
    public int Unclaimed
    {
        get
        {
            int count = 0;
            _lane.Invoke(() => count = _channels.Values.Sum(channel => channel.Sent.Count));
            return count;
        }
    }

    /// <summary>Fills the packet's buffer and delivers the packet.</summary>
    public void Send(uint id, byte[] packet, byte[] data) => _lane.Invoke(() =>
    {
        if (!_channels.TryGetValue(id, out ReplayChannel? channel))
        {
            channel = new ReplayChannel(id, _memory, _lane, _target);
            channel.Endpoint = _provider.Open(channel, primary: _channels.Count == 0);
            _channels.Add(id, channel);
        }

        Assert.True(PacketDescriptor.TryRead(packet, out PacketDescriptor descriptor));
        ReadOnlySpan<byte> header = packet.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size);
        List<(Gpa Start, int Bytes)> buffer = GuestPieces.Of(header);
        _buffers[(id, descriptor.TransactionId)] = buffer;
        int done = 0;
        foreach ((Gpa start, int bytes) in buffer)
        {
            int step = Math.Min(bytes, data.Length - done);
            Assert.True(_memory.TryWrite(start, data.AsSpan(done, step)));
            done += step;
        }

        StorageEndpoint endpoint = channel.Endpoint ?? throw new InvalidOperationException("The provider refused the channel.");
        endpoint.Receive(new RingPacket(descriptor, header, packet.AsSpan(descriptor.HeaderBytes)));
        endpoint.EndBatch();
    });

    /// <summary>Waits for the answer to the request that <paramref name="expected"/> answers.</summary>
    /// <returns>The answer as it would be in the ring, and what is at the start of the request's buffer.</returns>
    public (byte[] Answer, byte[] Buffer) TakeAnswer(uint id, byte[] expected, int bufferBytes)
    {
        Assert.True(PacketDescriptor.TryRead(expected, out PacketDescriptor descriptor));
        byte[]? answer = null;
        Assert.True(SpinWait.SpinUntil(() => TryTake(id, descriptor.TransactionId, out answer), Patience), $"No answer to 0x{descriptor.TransactionId:x}.");
        var buffer = new byte[bufferBytes];
        int done = 0;
        foreach ((Gpa start, int bytes) in _buffers.GetValueOrDefault((id, descriptor.TransactionId)) ?? [])
        {
            int step = Math.Min(bytes, bufferBytes - done);
            Assert.True(_memory.TryRead(start, buffer.AsSpan(done, step)));
            done += step;
        }

        return (answer!, buffer);
    }

    public void Dispose()
    {
        _lane.Invoke(() =>
        {
            foreach (ReplayChannel channel in _channels.OrderByDescending(pair => pair.Key).Select(pair => pair.Value)) channel.Endpoint!.Close();
        });
        _lane.Dispose();
        _memory.Dispose();
    }

    private bool TryTake(uint id, ulong transaction, out byte[]? answer)
    {
        byte[]? found = null;
        _lane.Invoke(() => _channels[id].Sent.Remove(transaction, out found));
        answer = found;
        return found is not null;
    }

    private sealed class ReplayChannel(uint id, GuestMemory memory, Lane lane, ScsiTarget target) : IStorageChannel
    {
        private readonly ScsiTargetQueue _commands = target.OpenQueue(lane);

        public StorageEndpoint? Endpoint { get; set; }

        public Dictionary<ulong, byte[]> Sent { get; } = [];

        public uint Id => id;

        public GuestMemory Memory => memory;

        public bool ExpectsCompletions
        {
            set => _ = value;
        }

        public bool TrySend(PacketType type, ReadOnlySpan<byte> payload, ulong transactionId)
        {
            int total = (PacketDescriptor.Size + payload.Length + PacketDescriptor.Alignment - 1) & ~(PacketDescriptor.Alignment - 1);
            var packet = new byte[total];
            new PacketDescriptor(type, PacketDescriptor.Size, total, 0, transactionId).Write(packet);
            payload.CopyTo(packet.AsSpan(PacketDescriptor.Size));
            Sent.Add(transactionId, packet);
            return true;
        }

        public void Resume()
        {
        }

        public void Touch()
        {
        }

        public void OfferSubchannels(int count)
        {
        }

        public void Execute(ScsiRequest request) => _commands.Execute(request);

        public void ResetTarget() => target.Reset();

        public void Post(Action work) => lane.Post(work);

        public void Closed() => _commands.Dispose();
    }
}
