using System.Buffers.Binary;
using System.Text;
using VmBus.Bus.Devices;
using VmBus.Memory.Rings;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Providers.Network;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>
/// Valid conversations in any order with bytes changed, cut and made up: nothing throws, a channel that the guest spoils is closed, what was lent
/// goes back exactly once, and a proper guest finds a working adapter after that.
/// </summary>
public sealed class NetworkRandomTests : IDisposable
{
    private const int Steps = 600;

    // What one packet can bring about: every answer that waited, its own, and notices.
    private const int MostPacketsPerStep = 200;

    private readonly NetworkGuest _guest = new();
    private readonly List<(NetworkEndpoint Endpoint, ScriptedNetworkChannel Channel)> _open = [];
    private readonly List<ScriptedNetworkChannel> _all = [];
    private Random _random = new(0);
    private uint _nextId = 5000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Adapter_outlives_whatever_a_guest_says(int seed)
    {
        _random = new Random(seed);
        Track();
        int spoiled = 0;
        for (int step = 0; step < Steps; step++)
        {
            // Most conversations begin well: otherwise few come beyond the first messages.
            if (_open.Count == 0) Begin();
            (NetworkEndpoint endpoint, ScriptedNetworkChannel channel) = _open[_random.Next(_open.Count)];
            PacketVerdict verdict = Act(endpoint, channel);
            RunPosted();
            Assert.InRange(channel.Sent.Count, 0, MostPacketsPerStep);
            if (verdict == PacketVerdict.Violation || channel.Failure is not null || _random.Next(150) == 0)
            {
                spoiled++;
                CloseAll();
            }
        }

        CloseAll();
        Assert.True(spoiled > 0, "No channel was ever closed.");
        Assert.True(_guest.Provider.Counters.Refused > 50, "Hardly anything was refused.");
        Assert.All(_all, static channel => Assert.True(channel.IsClosed));
        Assert.Equal(0, _guest.Provider.Counters.OpenChannels);
        foreach (ScriptedBuffer buffer in _all.SelectMany(static channel => channel.Buffers.Values)) Assert.Equal(buffer.Taken, buffer.Released);

        _guest.Link.IsUp = true;
        _guest.Reopen();
        _guest.Connect();
        _guest.Start();
        Assert.Equal(NvspStatus.Success, _guest.Transmit(NetworkGuest.Packet(TestFrames.Plain(60))));
        Assert.True(_guest.Channel.Queue!.Deliver(TestFrames.Plain(60)));
        Assert.Equal(TestFrames.Plain(60), Assert.Single(_guest.Frames(_guest.TakeReceived())).Data);
    }

    public void Dispose() => _guest.Dispose();

    private void Track()
    {
        _open.Add((_guest.Endpoint, _guest.Channel));
        _all.Add(_guest.Channel);
    }

    private void Begin()
    {
        _guest.Link.IsUp = true;
        _guest.Reopen();
        Track();
        if (_random.Next(4) == 0) return;
        _guest.Connect(_random.Next(3) == 0 ? NvspVersion.V5 : NvspVersion.V61, (uint)_random.Next(68, 9001));
        if (_random.Next(4) != 0) _guest.Start(_random.Next(2) == 0);
    }

    private PacketVerdict Act(NetworkEndpoint endpoint, ScriptedNetworkChannel channel)
    {
        switch (_random.Next(16))
        {
            case 0:
                return Deliver(endpoint, channel, PacketType.DataInband, [], Changed(Setup()));
            case 1 or 2 or 3:
                return Deliver(
                    endpoint, channel, PacketType.DataUsingGpaDirect, Changed(_guest.Place(Changed(Control()), _random.Next(64), _random.Next(8, 200)), 8),
                    Changed(Nvsp(NvspChannelType.Control, NetworkInterface.NoSection, 0), 8));
            case 4 or 5 or 6:
                return Deliver(
                    endpoint, channel, PacketType.DataUsingGpaDirect, Changed(_guest.Place(Changed(Data()), _random.Next(64), _random.Next(60, 4000)), 8),
                    Changed(Nvsp(NvspChannelType.Data, NetworkInterface.NoSection, 0), 8));
            case 7 or 8:
                byte[] rndis = Changed(Data());
                uint section = (uint)_random.Next(180);
                _ = _guest.SendBuffer.Memory.TryWrite(section * 6144L, rndis);
                return Deliver(endpoint, channel, PacketType.DataInband, [], Changed(Nvsp(NvspChannelType.Data, section, (uint)rndis.Length), 8));
            case 9 or 10:
                return Acknowledge(endpoint, channel);
            case 11:
                if (channel.Queue is { IsDisposed: false } held) held.Release(_random.Next(2) == 0);
                return PacketVerdict.Taken;
            case 12:
                if (channel.Queue is { IsDisposed: false } queue) queue.Deliver(TestFrames.Ip(4, 6, _random.Next(1400)), endBatch: _random.Next(3) != 0);
                return PacketVerdict.Taken;
            case 13:
                if (channel.Queue is { IsDisposed: false } other) other.Hold = _random.Next(2) == 0;
                channel.Room = _random.Next(3) == 0 ? _random.Next(8) : int.MaxValue;
                endpoint.EndBatch();
                return PacketVerdict.Taken;
            case 14:
                _guest.Link.IsUp = !_guest.Link.IsUp;
                return PacketVerdict.Taken;
            default:
                OpenSubchannel();
                return PacketVerdict.Taken;
        }
    }

    // Each kind is rare enough that a conversation comes beyond it.
    private byte[] Setup() => _random.Next(9) switch
    {
        0 => NetworkGuest.Message(m => new NvspInitialize(NvspVersion.V1, NvspVersion.V61).Write(m)),
        1 => NetworkGuest.Message(m => new NvspNdisConfiguration((uint)_random.Next(20000), NdisCapabilities.Ieee8021Q).Write(m)),
        2 => NetworkGuest.Message(m => new NvspNdisVersion(6, 30).Write(m)),
        3 => NetworkGuest.Message(m => new NvspBuffer(NetworkGuest.ReceiveGpadl, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer)),
        4 => NetworkGuest.Message(m => new NvspBuffer(NetworkGuest.SendGpadl, 0).Write(m, NvspMessageType.SendSendBuffer)),
        5 => NetworkGuest.Message(m => new NvspBuffer(0xCAFE, 0).Write(m, NvspMessageType.RevokeReceiveBuffer)),
        6 => NetworkGuest.Message(m => new NvspBuffer(0, 0).Write(m, NvspMessageType.RevokeSendBuffer)),
        7 => NetworkGuest.Message(m => BinaryPrimitives.WriteUInt32LittleEndian(m, (uint)_random.Next(140))),
        _ => NetworkGuest.Message(m => new NvspSubchannelRequest(1, (uint)_random.Next(5)).Write(m)),
    };

    private byte[] Control()
    {
        if (_random.Next(4) == 0) return Settings();
        NdisOid[] objects = Enum.GetValues<NdisOid>();
        byte[] value = new byte[_random.Next(160)];
        if (_random.Next(3) == 0) _random.NextBytes(value);
        RndisMessageType type = _random.Next(12) switch
        {
            0 => RndisMessageType.Initialize,
            1 => RndisMessageType.KeepAlive,
            2 => RndisMessageType.Reset,
            3 => RndisMessageType.Halt,
            < 8 => RndisMessageType.Set,
            _ => RndisMessageType.Query,
        };
        return _guest.Request(type, objects[_random.Next(objects.Length)], value);
    }

    // The objects whose values the host reads, as guests send them and changed.
    private byte[] Settings()
    {
        byte[] value;
        switch (_random.Next(3))
        {
            case 0:
                value = new byte[40 + 16 + 40];
                new NdisReceiveScaleParameters(0, 0x1701, 16, 40, 40, 56).Write(value);
                return _guest.Request(RndisMessageType.Set, NdisOid.ReceiveScaleParameters, Changed(value, 2));
            case 1:
                value = new byte[NdisOffloadParameters.Size];
                new NdisOffloadParameters(
                    ChecksumSetting.Both, ChecksumSetting.Both, ChecksumSetting.Off, ChecksumSetting.Receive, ChecksumSetting.Both, OffloadSetting.On,
                    OffloadSetting.On, OffloadSetting.On, OffloadSetting.Off).Write(value);
                return _guest.Request(RndisMessageType.Set, NdisOid.OffloadParameters, Changed(value, 2));
            default:
                byte[] name = Encoding.Unicode.GetBytes("NetworkAddress");
                byte[] address = Encoding.Unicode.GetBytes("020000abcdef");
                byte[] head = new byte[20];
                BinaryPrimitives.WriteInt32LittleEndian(head, head.Length);
                BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(4), name.Length);
                BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(12), head.Length + name.Length);
                BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(16), address.Length);
                return _guest.Request(RndisMessageType.Set, NdisOid.ConfigurationParameter, [.. Changed(head, 2), .. name, .. address]);
        }
    }

    private byte[] Data()
    {
        byte[] frame = _random.Next(3) switch
        {
            0 => TestFrames.Plain(_random.Next(14, 1600)),
            1 => TestFrames.Ip(_random.Next(2) == 0 ? 4 : 6, 17, _random.Next(1400)),
            _ => TestFrames.Ip(_random.Next(2) == 0 ? 4 : 6, 6, _random.Next(5000)),
        };
        uint bits = (uint)_random.Next();
        byte[] packet = _random.Next(4) switch
        {
            0 => NetworkGuest.Packet(frame),
            1 => NetworkGuest.Packet(frame, (PacketInformationType.Checksum, ChecksumToDo.IsIpv4 | ChecksumToDo.Tcp | (34u << 16))),
            2 => NetworkGuest.Packet(frame, (PacketInformationType.LargeSend, 1448u | (34u << 20) | (1u << 30))),
            _ => NetworkGuest.Packet(frame, (PacketInformationType.Ieee8021Q, bits), (PacketInformationType.Checksum, bits)),
        };
        return _random.Next(5) == 0 ? [.. packet, .. NetworkGuest.Packet(TestFrames.Plain(60))] : packet;
    }

    private static byte[] Nvsp(NvspChannelType channel, uint section, uint bytes)
        => NetworkGuest.Message(m => new NvspRndisPacket(channel, section, bytes).Write(m));

    // One in so many is changed: bytes, whole words with the values that sizes and offsets fail at, the length.
    private byte[] Changed(byte[] bytes, int oneIn = 3)
    {
        ReadOnlySpan<uint> edges = [0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF, (uint)bytes.Length, (uint)bytes.Length + 1];
        if (_random.Next(oneIn) != 0 || bytes.Length == 0) return bytes;
        byte[] changed = [.. bytes];
        for (int i = _random.Next(1, 4); i > 0; i--)
        {
            int head = Math.Min(changed.Length, 96);
            if (_random.Next(2) == 0 && head >= 4) BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(_random.Next(head / 4) * 4), edges[_random.Next(edges.Length)]);
            else changed[_random.Next(head)] = (byte)_random.Next(256);
        }

        return _random.Next(4) == 0 ? changed[.._random.Next(changed.Length + 1)] : changed;
    }

    private PacketVerdict Deliver(NetworkEndpoint endpoint, ScriptedNetworkChannel channel, PacketType type, byte[] ranges, byte[] payload)
    {
        int header = PacketDescriptor.Size + ranges.Length;
        ushort flags = _random.Next(8) == 0 ? (ushort)0 : PacketDescriptor.CompletionRequested;
        channel.Sent.Clear();
        PacketVerdict verdict = endpoint.Receive(
            new RingPacket(new PacketDescriptor(type, header, header + payload.Length, flags, _nextId++), ranges, payload));
        endpoint.EndBatch();
        return verdict;
    }

    // Usually of a packet that there is: what else the guest completes costs it the channel.
    private PacketVerdict Acknowledge(NetworkEndpoint endpoint, ScriptedNetworkChannel channel)
    {
        HostPacket? sent = channel.Sent.Find(static packet => packet.Type == PacketType.DataUsingTransferPages);
        if (sent is null && _random.Next(30) != 0) return PacketVerdict.Taken;
        ulong id = sent?.TransactionId ?? (ulong)_random.NextInt64();
        if (sent is not null) channel.Sent.Remove(sent);
        return _guest.Acknowledge(id, endpoint);
    }

    private void OpenSubchannel()
    {
        if (_open.Find(static open => open.Endpoint.IsPrimary).Channel?.OfferedSubchannels is not { } promised) return;
        int index = Enumerable.Range(1, promised).FirstOrDefault(index => !_open.Exists(open => open.Channel.Index == index));
        if (index == 0) return;
        var channel = new ScriptedNetworkChannel(_nextId++, index, _guest.Memory, _guest.Link);
        if (_guest.Provider.Open(channel) is not { } endpoint) return;
        _open.Add((endpoint, channel));
        _all.Add(channel);
    }

    // Work of one channel's lane may post to another's.
    private void RunPosted()
    {
        for (int round = 0; round < 4; round++)
        {
            foreach ((_, ScriptedNetworkChannel channel) in _open) channel.RunPosted();
        }
    }

    // As the bus does: sub-channels and primary are told to close in any order, and end when the link has given all frames back.
    private void CloseAll()
    {
        foreach ((NetworkEndpoint endpoint, _) in _open.OrderBy(_ => _random.Next()).ToList()) endpoint.Close();
        RunPosted();
        foreach ((_, ScriptedNetworkChannel channel) in _open)
        {
            if (channel.Queue is { IsDisposed: false } queue) queue.Release(taken: false);
        }

        RunPosted();
        _open.Clear();
    }
}
