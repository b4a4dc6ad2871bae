using System.Buffers.Binary;
using VmBus.Protocol.Virtio;
using VmBus.Storage.Scsi;
using VmBus.TestKit.Disks;
using VmBus.Virtio.Tests.Queues;
using Xunit;

namespace VmBus.Virtio.Tests.Scsi;

public sealed class ScsiHostTests : IDisposable
{
    private const byte Inquiry = 0x12, Read10 = 0x28, Write10 = 0x2A, ReportLuns = 0xA0, TestUnitReady = 0x00;

    private readonly ScsiDriver _driver = new();

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Data_is_written_where_it_belongs_and_read_back()
    {
        byte[] data = new byte[4096];
        new Random(1).NextBytes(data);
        _driver.ClearAttention();
        Assert.Equal((VirtioScsiResponse.Ok, ScsiStatus.Good, 0U), _driver.Do(Cdb(Write10, 16, 8), data).Outcome);
        Assert.Equal(data, _driver.Disk.Content.AsSpan(8192, 4096).ToArray());
        ScsiAnswer read = _driver.Do(Cdb(Read10, 17, 1), [], 512);
        Assert.Equal((VirtioScsiResponse.Ok, ScsiStatus.Good, 0U), read.Outcome);
        Assert.Equal(data[512..1024], read.Data);
    }

    [Fact]
    public void What_is_not_moved_is_told()
    {
        ScsiAnswer inquiry = _driver.Do([Inquiry, 0, 0, 0, 36], [], 96);
        Assert.Equal((VirtioScsiResponse.Ok, ScsiStatus.Good, 60U), inquiry.Outcome);
        Assert.Equal(0, inquiry.Data[0]);
    }

    [Fact]
    public void Failed_command_has_its_sense_data()
    {
        _driver.ClearAttention();
        ScsiAnswer answer = _driver.Do([0xFF], []);
        Assert.Equal((VirtioScsiResponse.Ok, ScsiStatus.CheckCondition), (answer.Response, answer.Status));
        // Illegal request: invalid command operation code.
        Assert.Equal((18U, 5, 0x20), (answer.SenseBytes, answer.Sense[2] & 0xF, answer.Sense[12]));
    }

    [Fact]
    public void Scan_finds_the_units_that_there_are()
    {
        ScsiAnswer luns = _driver.Do([ReportLuns, 0, 0, 0, 0, 0, 0, 0, 1, 0], [], 256);
        Assert.Equal(8U, BinaryPrimitives.ReadUInt32BigEndian(luns.Data));
        Assert.Equal(0x7F, _driver.Do([Inquiry, 0, 0, 0, 36], [], 36, lun: 7).Data[0]);
        Assert.Equal(VirtioScsiResponse.BadTarget, _driver.Do([TestUnitReady], [], target: 3).Response);
        Assert.Equal(VirtioScsiResponse.BadTarget, _driver.Do([TestUnitReady], [], first: 2).Response);
    }

    [Theory]
    [InlineData(0U, 0xDEAD_0000_0000UL, 512U)]
    [InlineData(0U, ScsiDriver.DataAt, 3U << 20)]
    [InlineData(0U, ScsiDriver.DataAt, uint.MaxValue)]
    [InlineData(512U, ScsiDriver.DataAt, 512U)]
    public void Data_that_is_no_memory_too_long_or_goes_both_ways_is_answered_with_a_failure(uint written, ulong address, uint read)
    {
        Assert.Equal(VirtioScsiResponse.Failure, _driver.DoRaw(Cdb(Read10, 0, 1), (ScsiDriver.DataAt, written), (address, read)).Response);
        Assert.Equal(VirtioScsiResponse.Ok, _driver.Do([TestUnitReady], []).Response);
    }

    [Theory]
    [InlineData(18U, 108U)]
    [InlineData(50U, 108U)]
    [InlineData(51U, 107U)]
    [InlineData(51U, 0U)]
    public void Request_without_room_for_command_or_answer_breaks_its_queue(uint request, uint answer)
    {
        _driver.Commands.Describe(0, ScsiDriver.RequestAt, request, answer > 0 ? DescriptorFlags.Next : DescriptorFlags.None, 1);
        _driver.Commands.Describe(1, ScsiDriver.AnswerAt, answer, DescriptorFlags.Write);
        _driver.Commands.Offer(0);
        _driver.Settle();
        Assert.Contains("no room for its answer", Assert.Single(_driver.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void Sense_and_command_may_have_other_lengths()
    {
        byte[] value = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(value, 20);
        Assert.True(_driver.Host.WriteConfig(VirtioScsiConfig.SenseOffset, value));
        Assert.True(_driver.Host.WriteConfig(VirtioScsiConfig.CommandOffset, value));
        Assert.Equal((20, 20), (_driver.Host.SenseBytes, _driver.Host.CommandBytes));
        Assert.False(_driver.Host.WriteConfig(VirtioScsiConfig.SenseOffset, [0, 1, 0, 0]));
        Assert.False(_driver.Host.WriteConfig(VirtioScsiConfig.CommandOffset, [15, 0, 0, 0]));
        Assert.False(_driver.Host.WriteConfig(0, value));
        Assert.False(_driver.Host.WriteConfig(VirtioScsiConfig.SenseOffset, [20]));
        _driver.Host.Reset();
        Assert.Equal((96, 32), (_driver.Host.SenseBytes, _driver.Host.CommandBytes));
    }

    [Theory]
    [InlineData(VirtioScsiTask.Abort)]
    [InlineData(VirtioScsiTask.AbortSet)]
    [InlineData(VirtioScsiTask.ClearSet)]
    [InlineData(VirtioScsiTask.ResetUnit)]
    [InlineData(VirtioScsiTask.ResetNexus)]
    public void Function_that_ends_commands_is_answered_after_those_that_it_means(VirtioScsiTask function)
    {
        _driver.ClearAttention();
        _driver.Disk.Late = true;
        _driver.Submit(Cdb(Read10, 0, 1), 512, id: 77);
        Assert.Equal(VirtioScsiResponse.Succeeded, _driver.Manage(VirtioScsiTask.Query, 77));
        Assert.Equal(VirtioScsiResponse.Succeeded, _driver.Manage(VirtioScsiTask.QuerySet, 0));
        Assert.Equal(VirtioScsiResponse.Ok, _driver.Manage(VirtioScsiTask.Query, 78));
        Assert.Null(_driver.Manage(function, 77));
        _driver.CompleteLate();
        Assert.Equal(VirtioScsiResponse.Ok, _driver.LastManaged());
        Assert.Equal(VirtioScsiResponse.Ok, _driver.Manage(VirtioScsiTask.Query, 77));
        _driver.Disk.Late = false;
        bool resets = function is VirtioScsiTask.ResetUnit or VirtioScsiTask.ResetNexus;
        Assert.Equal(resets ? ScsiStatus.CheckCondition : ScsiStatus.Good, _driver.Do([TestUnitReady], []).Status);
    }

    [Fact]
    public void Other_functions_are_answered_at_once()
    {
        Assert.Equal(VirtioScsiResponse.Ok, _driver.Manage(VirtioScsiTask.ClearAca, 0));
        Assert.Equal(VirtioScsiResponse.Rejected, _driver.Manage((VirtioScsiTask)99, 0));
        Assert.Equal(VirtioScsiResponse.IncorrectUnit, _driver.Manage(VirtioScsiTask.Query, 0, first: 0));
        Assert.Equal(VirtioScsiResponse.Ok, _driver.Manage(VirtioScsiTask.Abort, 12345));
    }

    [Theory]
    [InlineData(3U, 24U, 1U)]
    [InlineData(0U, 23U, 1U)]
    [InlineData(0U, 24U, 0U)]
    [InlineData(1U, 15U, 5U)]
    [InlineData(2U, 16U, 4U)]
    public void Control_request_of_no_type_or_length_breaks_its_queue(uint type, uint request, uint answer)
    {
        _driver.Control.Write(ScsiDriver.RequestAt, BitConverter.GetBytes(type));
        _driver.Control.Describe(0, ScsiDriver.RequestAt, request, answer > 0 ? DescriptorFlags.Next : DescriptorFlags.None, 1);
        _driver.Control.Describe(1, ScsiDriver.AnswerAt, answer, DescriptorFlags.Write);
        _driver.Control.Offer(0);
        _driver.Settle();
        Assert.Contains("control request", Assert.Single(_driver.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void Units_that_come_go_and_grow_are_told_when_there_are_buffers()
    {
        var other = new FakeDisk();
        _driver.Target.Add(new ScsiAddress(0, 0, 5), other, new ScsiIdentity(ScsiUnitKind.Disk, "other", Guid.NewGuid()));
        _driver.Disk.Grow(2 << 20);
        _driver.Target.RefreshGeometry();
        _driver.Settle();
        _driver.PostEvents(2);
        Assert.Equal(
            [(VirtioScsiEvent.Transport, (byte)5, VirtioScsiLayout.UnitCame), (VirtioScsiEvent.Changed, (byte)0, VirtioScsiLayout.CapacityChanged)],
            _driver.TakeEvents());
        using var drained = new ManualResetEventSlim();
        Assert.True(_driver.Target.Remove(new ScsiAddress(0, 0, 5), drained.Set));
        _driver.PostEvents(1);
        Assert.Equal([(VirtioScsiEvent.Transport, (byte)5, VirtioScsiLayout.UnitWent)], _driver.TakeEvents());
    }

    [Fact]
    public void Random_requests_are_answered_or_break_their_queue_and_never_throw()
    {
        var random = new Random(9);
        byte[] bytes = new byte[64];
        for (int round = 0; round < 400; round++)
        {
            using var driver = new ScsiDriver();
            for (int i = 0; i < 4; i++)
            {
                random.NextBytes(bytes);
                if (random.Next(2) == 0) VirtioScsiLayout.WriteUnit(bytes, 0, 0);
                driver.Commands.Write(ScsiDriver.RequestAt, bytes);
                random.NextBytes(bytes);
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)random.Next(4));
                driver.Control.Write(ScsiDriver.RequestAt, bytes);
                foreach (SplitDriver queue in new[] { driver.Commands, driver.Control })
                {
                    queue.Describe(0, ScsiDriver.RequestAt, (uint)random.Next(20, 60), DescriptorFlags.Next, 1);
                    queue.Describe(1, ScsiDriver.AnswerAt, (uint)random.Next(90, 5000), DescriptorFlags.Write);
                    queue.Offer(0);
                }

                driver.Settle();
            }

            Assert.All(driver.Failures, failure => Assert.Contains("SCSI", failure, StringComparison.Ordinal));
        }
    }

    private static byte[] Cdb(byte operation, uint block, byte blocks)
        => [operation, 0, (byte)(block >> 24), (byte)(block >> 16), (byte)(block >> 8), (byte)block, 0, 0, blocks, 0];
}
