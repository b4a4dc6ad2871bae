using VmBus.Bus.Devices;
using VmBus.Conformance.Reports;
using VmBus.Conformance.Running;
using VmBus.Memory.Rings;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.TestKit.Bus;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests;

/// <summary>Checks of rings and of the storage controller find a device that breaks their rule, on a sound bus.</summary>
public sealed class BrokenStorageTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    private static readonly Dictionary<string, Answerer> Ways = new(StringComparer.Ordinal)
    {
        ["RG-1"] = static (channel, packet, answer) => channel.TrySend(PacketType.Completion, default, answer, (uint)packet.TransactionId),
        ["RG-2"] = static (channel, packet, answer) => channel.TrySend(PacketType.Completion, default, answer, packet.TransactionId),
        ["RG-3"] = static (channel, packet, answer) => channel.TrySend(PacketType.DataInband, default, answer, packet.TransactionId),
        ["ST-2"] = static (channel, packet, answer) => Complete(channel, packet, [.. answer, 0, 0, 0, 0, 0, 0, 0, 0]),
        ["ST-3"] = static (channel, packet, answer) => Complete(channel, packet, Changed(answer, 0, 3)),
        ["ST-4"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-5"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-6"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-7"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-8"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-9"] = static (channel, packet, answer) => Complete(channel, packet, Changed(answer, 8, 0xC000_0059)),
        ["ST-10"] = static (channel, packet, answer) => Complete(channel, packet, Changed(answer, 24, 1000)),
        ["ST-11"] = static (channel, packet, answer) => packet.TransactionId > 0x1_0000_000A || Complete(channel, packet, answer),
        ["ST-12"] = static (channel, packet, answer) => Complete(channel, packet, Changed(answer, 24, 0)),
        ["ST-13"] = static (channel, packet, answer) => Complete(channel, packet, Changed(answer, 52, 0)),
        ["ST-14"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-15"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-16"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-17"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-18"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-19"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-22"] = static (channel, packet, answer) => Complete(channel, packet, answer),
        ["ST-24"] = static (channel, packet, answer) => Complete(channel, packet, answer) && channel.TrySend(PacketType.DataInband, default, answer, 0, 0),
    };

    private delegate bool Answerer(OpenChannel channel, PacketDescriptor packet, byte[] answer);

    public static TheoryData<string> Rules => [.. Ways.Keys];

    [Theory]
    [MemberData(nameof(Rules))]
    public void Device_that_breaks_a_rule_is_found(string rule)
    {
        using var guest = new FakeGuest();
        guest.Server.Offer(new BrokenStorage(Ways[rule]));
        using var transport = new BusTransport(guest.Ports, guest.Server, guest.Memory);
        RuleResult result = Assert.Single(new ConformanceRun(transport, "broken") { Patience = Patience }.Run(id => id == rule).Results);
        Assert.Equal((rule, RuleVerdict.Fail), (result.Rule.Id, result.Verdict));
    }

    private static bool Complete(OpenChannel channel, PacketDescriptor packet, byte[] answer) => channel.TrySend(PacketType.Completion, default, answer, packet.TransactionId);

    private static byte[] Changed(byte[] answer, int offset, uint value)
    {
        WriteUInt32LittleEndian(answer.AsSpan(offset), value);
        return answer;
    }

    /// <summary>A controller that says yes to everything: an answer of 64 bytes, its status Success, its transfer limit 1 MiB.</summary>
    private sealed class BrokenStorage(Answerer answers) : IChannelDevice
    {
        public ChannelOffer Offer { get; } = new(StorageInterface.Scsi, new Guid("10000000-0000-0000-0000-000000000001"));

        public IChannelEndpoint? Open(OpenChannel channel) => new Endpoint(channel, answers);

        private sealed class Endpoint(OpenChannel channel, Answerer answers) : IChannelEndpoint
        {
            public PacketVerdict Receive(in RingPacket packet)
            {
                byte[] answer = new byte[64];
                packet.Payload[..Math.Min(packet.Payload.Length, answer.Length)].CopyTo(answer);
                bool isCommand = packet.Payload.Length >= 4 && ReadUInt32LittleEndian(packet.Payload) == (uint)VstorOperation.ExecuteSrb;
                new VstorHeader(VstorOperation.CompleteIo, 0, StorageStatus.Success).Write(answer);
                if (isCommand) answer[14] = (byte)SrbStatus.Success;
                else WriteUInt32LittleEndian(answer.AsSpan(24), 1 << 20);
                _ = answers(channel, packet.Descriptor, answer);
                return PacketVerdict.Taken;
            }

            public void EndBatch()
            {
            }

            public void Close() => channel.Closed();
        }
    }
}
