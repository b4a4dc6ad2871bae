using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Bus.Tracing;
using VmBus.Cli.Conformance;
using VmBus.Conformance.Running;
using VmBus.Dissector;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Protocol.Tracing;
using VmBus.TestKit.SpecTables;
using VmBus.TestKit.Tracing;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Conformance.Tests.Traces;

/// <summary>What Wireshark shows of conversations of unmodified guests is what the code reads from the same bytes.</summary>
public sealed class DissectorTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"vmbus-trace-{Guid.NewGuid():N}.pcapng");

    public static TheoryData<string> Conversations(string topic) => [.. SpecConversation.Names(topic)];

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Dissector_that_is_kept_is_what_the_pages_say()
        => Assert.Equal(DissectorText.Make(), File.ReadAllText(Path.Combine(Repository.Root, "protocol-spec", "vmbus.lua")));

    [Theory]
    [MemberData(nameof(Conversations), "channel")]
    public async Task Channel_messages_have_their_names_and_fields(string name)
    {
        IReadOnlyList<TraceRecord> records = CapturedTrace.Write(name, _path);
        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(
            _path, "_ws.col.Info", "vmbus.msg.type", "vmbus.msg.channel_id", "vmbus.msg.interface_type", "vmbus.msg.gpadl_id", "vmbus.msg.version", "vmbus.ring.byte_count", "vmbus.trace.direction");
        Assert.Equal(records.Count, shown.Count);
        for (int i = 0; i < records.Count; i++)
        {
            byte[] message = records[i].Body.ToArray();
            uint number = ReadUInt32LittleEndian(message);
            Assert.StartsWith(MessageTable.Rows.First(row => row.Number == number).Name, shown[i][0], StringComparison.Ordinal);
            Assert.Equal((number, (uint)records[i].Header.Direction), (Number(shown[i][1]), Number(shown[i][7])));
            if (OfferChannel.TryRead(message, out OfferChannel offer) && number == 1)
                Assert.Equal((offer.ChannelId, offer.InterfaceType.ToString()), (Number(shown[i][2]), shown[i][3]));
            if (OpenChannelRequest.TryRead(message, out OpenChannelRequest open) && number == 5) Assert.Equal(open.ChannelId, Number(shown[i][2]));
            if (InitiateContact.TryRead(message, out InitiateContact contact) && number == 14) Assert.Equal(contact.Version.Value, Number(shown[i][5]));
            if (GpadlHeader.TryRead(message, out GpadlHeader header) && number == 8)
            {
                Assert.Equal(header.GpadlId, Number(shown[i][4]));
                Assert.Equal(ReadUInt32LittleEndian(GpadlHeader.Ranges(message)), Number(shown[i][6]));
            }
        }

        await Tshark.ShowAsync(_path);
    }

    [Theory]
    [MemberData(nameof(Conversations), "storage")]
    public async Task Storage_packets_have_operation_address_command_and_outcome(string name)
    {
        IReadOnlyList<TraceRecord> records = CapturedTrace.Write(name, _path);
        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(
            _path, "vmbus.scsi.operation", "vmbus.scsi.lun", "vmbus.scsi.opcode", "vmbus.scsi.srb_status", "vmbus.scsi.transfer_bytes", "vmbus.ring.transaction_id", "vmbus.ring.byte_count",
            "vmbus.ring.request_in", "_ws.col.Info");
        Assert.Equal(records.Count, shown.Count);
        var requests = new Dictionary<ulong, int>();
        int commands = 0;
        for (int i = 0; i < records.Count; i++)
        {
            ReadOnlySpan<byte> packet = records[i].Body.Span;
            Assert.True(PacketDescriptor.TryRead(packet, out PacketDescriptor descriptor));
            ReadOnlySpan<byte> payload = packet[descriptor.HeaderBytes..];
            Assert.True(VstorHeader.TryRead(payload, out VstorHeader header));
            Assert.Equal(((uint)header.Operation, descriptor.TransactionId), (Number(shown[i][0]), Number64(shown[i][5])));
            VstorOperation asked = header.Operation;
            if (descriptor.Type == PacketType.Completion)
            {
                Assert.Equal(requests[descriptor.TransactionId] + 1, (int)Number(shown[i][7]));
                asked = OperationOf(records[requests[descriptor.TransactionId]]);
            }
            else if (descriptor.WantsCompletion)
            {
                requests[descriptor.TransactionId] = i;
            }

            if (asked != VstorOperation.ExecuteSrb) continue;
            Assert.True(ScsiRequestBlock.TryRead(payload[VstorHeader.Size..], out ScsiRequestBlock block));
            Assert.Equal((block.Lun, (uint)block.SrbStatus, block.TransferBytes), (Number(shown[i][1]), Number(shown[i][3]), Number(shown[i][4])));
            if (header.Operation != VstorOperation.ExecuteSrb) continue;
            commands++;
            Assert.Equal(payload[VstorHeader.Size + ScsiRequestBlock.CdbOffset], Number(shown[i][2]));
            if (descriptor.Type == PacketType.DataUsingGpaDirect) Assert.Equal(block.TransferBytes, Number(shown[i][6]));
        }

        Assert.True(commands > 10);
        Assert.Contains(shown, static row => row[8].Contains("ExecuteSrb LUN 0 READ (10) ", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[8].Contains("CompleteIo of ExecuteSrb LUN 0 Success", StringComparison.Ordinal));
        await Tshark.ShowAsync(_path);
    }

    [Theory]
    [MemberData(nameof(Conversations), "network")]
    public async Task Network_messages_have_their_type_and_what_is_in_it(string name)
    {
        IReadOnlyList<TraceRecord> records = CapturedTrace.Write(name, _path);
        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(
            _path, "vmbus.nvsp.type", "vmbus.nvsp.section_index", "vmbus.nvsp.channel_type", "vmbus.nvsp.maximum_version", "vmbus.nvsp.section_count", "vmbus.ring.range_count");
        Assert.Equal(records.Count, shown.Count);
        int frames = 0, buffers = 0;
        for (int i = 0; i < records.Count; i++)
        {
            ReadOnlySpan<byte> packet = records[i].Body.Span;
            Assert.True(PacketDescriptor.TryRead(packet, out PacketDescriptor descriptor));
            ReadOnlySpan<byte> payload = packet[descriptor.HeaderBytes..];
            if (payload.Length < sizeof(uint)) continue;
            var type = (NvspMessageType)ReadUInt32LittleEndian(payload);
            Assert.Equal((uint)type, Number(shown[i][0]));
            if (type == NvspMessageType.Initialize && NvspInitialize.TryRead(payload, out NvspInitialize initialize)) Assert.Equal((uint)initialize.Maximum, Number(shown[i][3]));
            if (type == NvspMessageType.SendReceiveBufferComplete && NvspReceiveSections.TryRead(payload, out NvspReceiveSections sections))
            {
                buffers++;
                Assert.Equal(sections.SectionCount, Number(shown[i][4]));
            }

            if (type != NvspMessageType.SendRndisPacket || !NvspRndisPacket.TryRead(payload, out NvspRndisPacket rndis)) continue;
            frames++;
            Assert.Equal((rndis.SectionIndex, (uint)rndis.Channel), (Number(shown[i][1]), Number(shown[i][2])));
            if (descriptor.Type == PacketType.DataUsingTransferPages) Assert.Equal(ReadUInt32LittleEndian(packet[20..]), Number(shown[i][5]));
        }

        Assert.True(frames > 10 && buffers > 0);
        await Tshark.ShowAsync(_path);
    }

    [Theory]
    [MemberData(nameof(Conversations), "integration")]
    public async Task Integration_messages_have_their_type_status_and_versions(string name)
    {
        IReadOnlyList<TraceRecord> records = CapturedTrace.Write(name, _path);
        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(
            _path, "vmbus.ic.type", "vmbus.ic.status", "vmbus.ic.transaction", "vmbus.ic.flags", "vmbus.ic.version_major", "vmbus.trace.device", "_ws.col.Info");
        Assert.Equal(records.Count, shown.Count);
        for (int i = 0; i < records.Count; i++)
        {
            ReadOnlySpan<byte> packet = records[i].Body.Span;
            Assert.True(PacketDescriptor.TryRead(packet, out PacketDescriptor descriptor));
            Assert.True(IntegrationHeader.TryRead(packet[descriptor.HeaderBytes..], out IntegrationHeader header));
            Assert.Equal(
                ((uint)header.Type, (uint)header.Status, (uint)header.Transaction, (uint)header.Flags, (uint)header.Version.Major),
                (Number(shown[i][0]), Number(shown[i][1]), Number(shown[i][2]), Number(shown[i][3]), Number(shown[i][4])));
            Assert.Equal(IntegrationServices.All.Single(service => service.InterfaceType == records[i].Header.InterfaceType).Name, shown[i][5]);
        }

        Assert.Contains(shown, static row => row[6].EndsWith("Shutdown: Negotiate 1.0 3.0 1.0 3.0 3.1 3.2", StringComparison.Ordinal));
        Assert.Contains(shown, static row => row[6].EndsWith("Heartbeat: Heartbeat answer", StringComparison.Ordinal));
        await Tshark.ShowAsync(_path);
    }

    /// <summary>The checks of a host say much that no guest does: nothing of it may stop the dissector.</summary>
    [Fact]
    public async Task Everything_that_the_checks_of_a_host_say_is_shown()
    {
        using (OwnHost host = OwnHost.Start(ProtocolVersion.V6_0, NullLogger.Instance))
        {
            using BusTrace trace = host.Partition.TryStartTrace(new BusTraceOptions { Rings = true, BufferBytes = BusTraceOptions.MostBufferBytes, SnapBytes = 4096 })!;
            new ConformanceRun(host.Transport, "own host").Run(static id => id[..2] is "CH" or "SK" or "DM" or "IC" or "NW" or "ST" || id is "RG-1" or "RG-17" or "RG-18" or "RG-19");
            trace.Finish();
            await using FileStream file = File.Create(_path);
            while (await trace.ReadAsync(CancellationToken.None) is { Length: > 0 } bytes) await file.WriteAsync(bytes);
        }

        IReadOnlyList<TraceRecord> records = TraceRecord.ReadAll(await File.ReadAllBytesAsync(_path), out long? lost);
        Assert.Equal(0, lost);
        IReadOnlyList<string[]> shown = await Tshark.FieldsAsync(_path, "_ws.col.Info", "vmbus.trace.kind");
        Assert.Equal(records.Select(static record => (uint)record.Header.Kind), shown.Select(static row => Number(row[1])));
        string[] parts = ["TL_CONNECT_REQUEST", "Version request", "socket] end", "INITIATE_CONTACT2 6.0", "MODIFY_CONNECTION", "signal to processor", "Opened: "];
        Assert.All(parts, part => Assert.Contains(shown, row => row[0].Contains(part, StringComparison.Ordinal)));

        await Tshark.ShowAsync(_path);
    }

    private static VstorOperation OperationOf(TraceRecord record)
    {
        _ = PacketDescriptor.TryRead(record.Body.Span, out PacketDescriptor descriptor);
        _ = VstorHeader.TryRead(record.Body.Span[descriptor.HeaderBytes..], out VstorHeader header);
        return header.Operation;
    }

    private static uint Number(string text) => (uint)Number64(text);

    private static ulong Number64(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        : ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
