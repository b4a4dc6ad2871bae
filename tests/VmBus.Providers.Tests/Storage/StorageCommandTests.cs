using VmBus.Bus.Devices;
using VmBus.Protocol.Ring;
using VmBus.Protocol.Storage;
using VmBus.Storage.Scsi;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Storage;

/// <summary>One command from packet to answer: golden bytes, every outcome, every way a request can be wrong.</summary>
public sealed class StorageCommandTests
{
    private const ulong Id = 6;
    private const ulong LastPage = StorageGuest.MemoryPages - 1;

    [Fact]
    public void Golden_request_becomes_the_command_it_describes()
    {
        using var guest = StorageGuest.Ready();
        SendGolden(guest);

        ScsiRequest command = Assert.Single(guest.Channel.Running);

        Assert.Equal(new ScsiAddress(0, 0, 1), command.Address);
        Assert.Equal([0x28, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0], command.Cdb.ToArray());
        Assert.Equal(ScsiDirection.Read, command.Direction);
        Assert.Equal((4096, 1), (command.Data.Bytes, command.Data.Count));
        Assert.True(guest.Memory.TryGetHostAddress(new(0x12345 * 4096UL), 4096, out nint page));
        Assert.Equal(page, FirstAddress(command));
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Golden_request_that_is_done_is_answered_with_the_golden_success()
    {
        using var guest = StorageGuest.Ready();
        SendGolden(guest);
        guest.Channel.EndOldest();

        Assert.Equal(SpecVector.Load("storage-completion-success")[16..], StorageGuest.Answer(guest.Channel, Id).Payload);
    }

    [Fact]
    public void Golden_request_that_fails_is_answered_with_the_golden_check_condition()
    {
        using var guest = StorageGuest.Ready();
        SendGolden(guest);
        ScsiRequest command = guest.Channel.Running[0];
        command.Status = ScsiStatus.CheckCondition;
        ((ReadOnlySpan<byte>)[0x70, 0, 5, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]).CopyTo(command.Sense);
        guest.Channel.End(command);

        Assert.Equal(SpecVector.Load("storage-completion-check-condition")[16..], StorageGuest.Answer(guest.Channel, Id).Payload);
    }

    [Theory]
    [InlineData(ScsiStatus.Good, false, 0x01, 0x00, StorageStatus.Success)]
    [InlineData(ScsiStatus.CheckCondition, false, 0x84, 0x02, StorageStatus.IoDeviceError)]
    [InlineData(ScsiStatus.CheckCondition, true, 0x20, 0x00, StorageStatus.DeviceDoesNotExist)]
    [InlineData(ScsiStatus.Busy, false, 0x05, 0x08, StorageStatus.DeviceBusy)]
    [InlineData(ScsiStatus.TaskSetFull, false, 0x05, 0x28, StorageStatus.DeviceBusy)]
    [InlineData(ScsiStatus.ReservationConflict, false, 0x04, 0x18, StorageStatus.IoDeviceError)]
    [InlineData(ScsiStatus.TaskAborted, false, 0x02, 0x00, StorageStatus.Cancelled)]
    public void Outcome_is_told_in_the_pair_that_guests_end_a_command_with(ScsiStatus outcome, bool noUnit, byte srb, byte scsi, StorageStatus status)
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(Id);
        ScsiRequest command = guest.Channel.Running[0];
        command.Status = outcome;
        command.NoSuchUnit = noUnit;
        guest.Channel.End(command);

        (StorageStatus told, ScsiRequestBlock block, _) = StorageGuest.Answer(guest.Channel, Id);

        Assert.Equal((srb, scsi, status), ((byte)block.SrbStatus, block.ScsiStatus, told));
        // Autosense and CHECK CONDITION go together or not at all.
        Assert.Equal(block.ScsiStatus == 2, (srb & 0x80) != 0);
    }

    [Theory]
    [InlineData(0, 0u)]
    [InlineData(36, 36u)]
    [InlineData(4096, 4096u)]
    [InlineData(5000, 4096u)] // More than was asked for cannot have been moved.
    [InlineData(-1, 0u)]
    public void Answer_counts_the_bytes_that_were_moved(long moved, uint told)
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(Id);
        ScsiRequest command = guest.Channel.Running[0];
        command.Transferred = moved;
        guest.Channel.End(command);

        Assert.Equal(told, StorageGuest.Answer(guest.Channel, Id).Block.TransferBytes);
    }

    [Fact]
    public void Write_counts_the_bytes_that_were_moved_too()
    {
        using var guest = StorageGuest.Ready();
        Send(guest, StorageGuest.Command(0x2A, 4096, SrbDirection.Write), StorageGuest.Range(4096, 0, 16));
        Assert.Equal(ScsiDirection.Write, guest.Channel.Running[0].Direction);
        guest.Channel.EndOldest();

        Assert.Equal((SrbStatus.Success, 4096u), Outcome(guest));
    }

    [Fact]
    public void Outcome_of_the_last_command_does_not_show_in_the_next()
    {
        using var guest = StorageGuest.Ready();
        guest.SendRead(1);
        ScsiRequest command = guest.Channel.Running[0];
        command.Status = ScsiStatus.CheckCondition;
        command.NoSuchUnit = true;
        command.Transferred = 4096;
        guest.Channel.End(command);
        StorageGuest.Answer(guest.Channel, 1);

        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00), Id);

        Assert.Same(command, guest.Channel.Running[0]);
        Assert.Equal((ScsiStatus.Good, false, 0L, ScsiDirection.None), (command.Status, command.NoSuchUnit, command.Transferred, command.Direction));
        Assert.Equal((0, 0L), (command.Data.Count, command.Data.Bytes));
        guest.Channel.End(command);
    }

    [Theory]
    [InlineData(6, 0x5A)]
    [InlineData(16, 0x5A)]
    public void Descriptor_block_is_padded_with_zeroes(byte cdbBytes, byte fill)
    {
        using var guest = StorageGuest.Ready();
        byte[] packet = StorageGuest.Command(fill);
        packet.AsSpan(28, 20).Fill(fill);
        packet[20] = cdbBytes;
        StorageGuest.Send(guest.Endpoint, packet, Id);

        Assert.Equal(Enumerable.Repeat(fill, cdbBytes).Concat(new byte[16 - cdbBytes]), guest.Channel.Running[0].Cdb.ToArray());
        guest.Channel.EndOldest();
    }

    [Theory]
    [InlineData((byte)0)]
    [InlineData((byte)17)]
    [InlineData((byte)255)]
    public void Descriptor_block_of_impossible_length_fails_the_request(byte cdbBytes)
    {
        using var guest = StorageGuest.Ready();
        byte[] packet = StorageGuest.Command(0x00);
        packet[20] = cdbBytes;
        StorageGuest.Send(guest.Endpoint, packet, Id);

        AssertInvalid(guest);
    }

    public static TheoryData<string, uint, byte[]> WrongBuffers() => new()
    {
        { "no ranges", 4096, WithCount(0, StorageGuest.Range(4096, 0, 16)) },
        { "no header", 4096, [] },
        { "half a header", 4096, new byte[4] },
        { "more ranges than bytes", 8192, WithCount(uint.MaxValue, StorageGuest.Range(4096, 0, 16)) },
        { "offset behind the first page", 4096, StorageGuest.Range(4096, 4096, 16, 17) },
        { "offset that overflows", 4096, StorageGuest.Range(4096, uint.MaxValue, 16, 17) },
        { "length that overflows", 4096, StorageGuest.Range(uint.MaxValue, 4095, 16, 17) },
        { "no pages", 4096, StorageGuest.Range(4096, 0) },
        { "a page too few", 4096, StorageGuest.Range(4096, 1, 16) },
        { "shorter than the transfer", 4096, StorageGuest.Range(4095, 0, 16) },
        { "empty", 4096, StorageGuest.Range(0, 0) },
        { "page behind the RAM", 4096, StorageGuest.Range(4096, 0, LastPage + 1) },
        { "page number without an address", 4096, StorageGuest.Range(4096, 0, 1UL << 52) },
        { "largest page number", 4000, StorageGuest.Range(4000, 96, ulong.MaxValue) },
        { "second page bad", 8192, StorageGuest.Range(8192, 0, 16, ulong.MaxValue) },
        { "last byte behind the RAM", 4096, StorageGuest.Range(4096, 1, LastPage, LastPage + 1) },
        { "transfer above the limit", (2 << 20) + 512, StorageGuest.Range((2 << 20) + 512, 0, [.. Enumerable.Range(0, 513).Select(i => (ulong)i)]) },
        { "largest transfer", uint.MaxValue, StorageGuest.Range(uint.MaxValue, 0, 16) },
    };

    [Theory]
    [MemberData(nameof(WrongBuffers))]
    public void Wrong_buffer_fails_the_request_and_not_the_channel(string what, uint transferBytes, byte[] ranges)
    {
        Assert.NotEmpty(what);
        using var guest = StorageGuest.Ready();

        Assert.Equal(PacketVerdict.Taken, Send(guest, StorageGuest.Command(0x28, transferBytes, SrbDirection.Read), ranges));

        AssertInvalid(guest);
        AssertAlive(guest);
    }

    [Fact]
    public void Data_without_a_buffer_fails_the_request()
    {
        using var guest = StorageGuest.Ready();
        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x28, 4096, SrbDirection.Read), Id);

        AssertInvalid(guest);
    }

    [Fact]
    public void Unknown_data_direction_fails_the_request()
    {
        using var guest = StorageGuest.Ready();
        Send(guest, StorageGuest.Command(0x28, 4096, (SrbDirection)3), StorageGuest.Range(4096, 0, 16));

        AssertInvalid(guest);
    }

    [Fact]
    public void Buffer_without_a_direction_is_for_reading()
    {
        using var guest = StorageGuest.Ready();
        Send(guest, StorageGuest.Command(0x12, 36), StorageGuest.Range(36, 8, 16));

        Assert.Equal((ScsiDirection.Read, 36L), (guest.Channel.Running[0].Direction, guest.Channel.Running[0].Data.Bytes));
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Several_ranges_are_one_buffer_in_order()
    {
        using var guest = StorageGuest.Ready();
        byte[] ranges = [.. WithCount(3, StorageGuest.Range(100, 4000, 40, 20)), .. StorageGuest.Range(0, 0)[8..], .. StorageGuest.Range(412, 8, 30)[8..]];
        Send(guest, StorageGuest.Command(0x28, 512, SrbDirection.Read), ranges);

        ScsiRequest command = guest.Channel.Running[0];
        Assert.Equal(512, command.Data.CopyFrom([.. Enumerable.Range(0, 512).Select(i => (byte)i)]));

        Assert.Equal(Bytes(0, 96), Read(guest, (40 * 4096) + 4000, 96));
        Assert.Equal(Bytes(96, 4), Read(guest, 20 * 4096, 4));
        Assert.Equal(Bytes(100, 412), Read(guest, (30 * 4096) + 8, 412));
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Buffer_longer_than_the_transfer_is_cut_to_it()
    {
        using var guest = StorageGuest.Ready();
        Send(guest, StorageGuest.Command(0x28, 512, SrbDirection.Read), StorageGuest.Range(8192, 0, 16, ulong.MaxValue));

        Assert.Equal(512, guest.Channel.Running[0].Data.Bytes);
        guest.Channel.EndOldest();
        Assert.Equal((SrbStatus.Success, 512u), Outcome(guest));
    }

    [Fact]
    public void Largest_transfer_with_scattered_pages_is_taken()
    {
        using var guest = StorageGuest.Ready();
        ulong[] pages = [.. Enumerable.Range(0, 513).Select(i => (ulong)(i * 2))];
        Send(guest, StorageGuest.Command(0x28, 2 << 20, SrbDirection.Read), StorageGuest.Range(2 << 20, 4, pages));

        Assert.Equal((513, 2L << 20), (guest.Channel.Running[0].Data.Count, guest.Channel.Running[0].Data.Bytes));
        guest.Channel.EndOldest();
    }

    [Fact]
    public void Request_of_every_length_is_answered_once()
    {
        using var guest = StorageGuest.Ready();
        byte[] whole = StorageGuest.Command(0x00);
        for (int length = 0; length <= whole.Length; length++)
        {
            guest.Channel.OnExecute = static _ => { };
            StorageGuest.Send(guest.Endpoint, whole.AsSpan(0, length), Id);
            StorageStatus expected = length >= 48 ? StorageStatus.Success : StorageStatus.InvalidParameter;
            Assert.Equal(expected, StorageGuest.Answer(guest.Channel, Id).Status);
        }
    }

    [Fact]
    public void Answer_to_a_short_request_holds_nothing_of_an_earlier_one()
    {
        using var guest = StorageGuest.Ready();
        StorageGuest.Send(guest.Endpoint, Enumerable.Repeat((byte)0xAA, 64).ToArray(), 1);
        StorageGuest.Send(guest.Endpoint, new byte[8], Id);

        Assert.All(StorageGuest.Answer(guest.Channel, Id).Payload[12..], b => Assert.Equal(0, b));
    }

    [Fact]
    public void Buffer_header_of_every_length_is_answered_once()
    {
        using var guest = StorageGuest.Ready();
        guest.Channel.OnExecute = static _ => { };
        byte[] ranges = StorageGuest.Range(8192, 0, 16, 17);
        for (int length = 0; length <= ranges.Length; length++)
        {
            Send(guest, StorageGuest.Command(0x28, 8192, SrbDirection.Read), ranges[..length]);
            SrbStatus expected = length == ranges.Length ? SrbStatus.Success : SrbStatus.InvalidRequest;
            Assert.Equal(expected, Outcome(guest).Status);
        }
    }

    [Fact]
    public void Short_request_of_older_guests_is_answered_in_kind()
    {
        using var guest = StorageGuest.Ready(version: VstorVersion.Win7);
        Send(guest, StorageGuest.Command(0x28, 4096, SrbDirection.Read, bytes: 48), StorageGuest.Range(4096, 0, 16));
        guest.Channel.EndOldest();

        (StorageStatus status, ScsiRequestBlock block, byte[] payload) = StorageGuest.Answer(guest.Channel, Id);
        Assert.Equal((StorageStatus.Success, SrbStatus.Success, 4096u, 48), (status, block.SrbStatus, block.TransferBytes, payload.Length));
    }

    [Fact]
    public void Command_before_the_handshake_has_ended_fails_for_good()
    {
        using var guest = new StorageGuest();
        guest.SendRead(Id);

        (StorageStatus status, ScsiRequestBlock block, _) = StorageGuest.Answer(guest.Channel, Id);
        Assert.Equal((StorageStatus.InvalidDeviceState, SrbStatus.InvalidRequest, 0u), (status, block.SrbStatus, block.TransferBytes));
        Assert.Empty(guest.Channel.Running);
    }

    [Theory]
    [InlineData(Id, 0)] // No completion asked for.
    [InlineData(0ul, 1)] // Transaction 0 is the host's own.
    [InlineData(0ul, 0)]
    public void Request_that_wants_no_answer_is_carried_out_without(ulong id, ushort flags)
    {
        using var guest = StorageGuest.Ready();
        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00), id, flags: flags);
        guest.Channel.EndOldest();
        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00, 4096), id, flags: flags);
        StorageGuest.Send(guest.Endpoint, StorageGuest.Packet(VstorOperation.ResetBus), id, flags: flags);
        guest.Channel.RunPosted();

        Assert.Empty(guest.Channel.Sent);
        AssertAlive(guest);
    }

    [Fact]
    public void Transaction_id_comes_back_as_it_was()
    {
        using var guest = StorageGuest.Ready();
        foreach (ulong id in (ulong[])[1, 0x8000_0000_0000_0000, ulong.MaxValue, 0xFFFF_8880_1234_5678])
        {
            guest.SendRead(id);
            guest.Channel.EndOldest();
            StorageGuest.Answer(guest.Channel, id);
        }
    }

    [Theory]
    [InlineData(PacketType.DataUsingTransferPages)]
    [InlineData(PacketType.DataUsingGpadl)]
    [InlineData(PacketType.CancelRequest)]
    [InlineData((PacketType)0)]
    [InlineData((PacketType)0xFFFF)]
    public void Packet_of_another_kind_is_refused_with_an_answer(PacketType type)
    {
        using var guest = StorageGuest.Ready();
        StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00), Id, type);

        Assert.Equal(StorageStatus.InvalidDeviceRequest, StorageGuest.Answer(guest.Channel, Id).Status);
        Assert.Empty(guest.Channel.Running);
    }

    [Fact]
    public void Completion_from_the_guest_is_dropped()
    {
        using var guest = StorageGuest.Ready();

        Assert.Equal(PacketVerdict.Taken, StorageGuest.Send(guest.Endpoint, StorageGuest.Command(0x00), Id, PacketType.Completion));

        Assert.Empty(guest.Channel.Sent);
        Assert.Empty(guest.Channel.Running);
    }

    private static void SendGolden(StorageGuest guest)
    {
        byte[] vector = SpecVector.Load("storage-execute-srb-read");
        Assert.True(PacketDescriptor.TryRead(vector, out PacketDescriptor descriptor));
        StorageGuest.Send(guest.Endpoint, vector.AsSpan(descriptor.HeaderBytes), descriptor.TransactionId, descriptor.Type,
            vector.AsSpan(PacketDescriptor.Size, descriptor.HeaderBytes - PacketDescriptor.Size), descriptor.Flags);
    }

    private static PacketVerdict Send(StorageGuest guest, byte[] packet, byte[] ranges)
        => StorageGuest.Send(guest.Endpoint, packet, Id, PacketType.DataUsingGpaDirect, ranges);

    private static (SrbStatus Status, uint Bytes) Outcome(StorageGuest guest)
    {
        ScsiRequestBlock block = StorageGuest.Answer(guest.Channel, Id).Block;
        return (block.SrbStatus, block.TransferBytes);
    }

    private static void AssertInvalid(StorageGuest guest)
    {
        Assert.Empty(guest.Channel.Running);
        (StorageStatus status, ScsiRequestBlock block, _) = StorageGuest.Answer(guest.Channel, Id);
        Assert.Equal((StorageStatus.InvalidParameter, SrbStatus.InvalidRequest), (status, block.SrbStatus));
        Assert.Equal(((byte)0, 0u), (block.ScsiStatus, block.TransferBytes));
    }

    private static void AssertAlive(StorageGuest guest)
    {
        guest.SendRead(77);
        guest.Channel.EndOldest();
        Assert.Equal(SrbStatus.Success, StorageGuest.Answer(guest.Channel, 77).Block.SrbStatus);
    }

    private static byte[] WithCount(uint count, byte[] ranges)
    {
        WriteUInt32LittleEndian(ranges.AsSpan(4), count);
        return ranges;
    }

    private static byte[] Bytes(int start, int count) => [.. Enumerable.Range(start, count).Select(i => (byte)i)];

    private static byte[] Read(StorageGuest guest, ulong address, int bytes)
    {
        var copy = new byte[bytes];
        Assert.True(guest.Memory.TryRead(new(address), copy));
        return copy;
    }

    private static nint FirstAddress(ScsiRequest command) => System.Runtime.InteropServices.Marshal.ReadIntPtr(command.Data.Address);
}
