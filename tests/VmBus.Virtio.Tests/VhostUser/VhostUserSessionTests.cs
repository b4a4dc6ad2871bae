using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.VhostUser;

public sealed class VhostUserSessionTests : IDisposable
{
    private readonly Export _export = new();

    public void Dispose() => _export.Dispose();

    public static TheoryData<string, string> Refusals => new()
    {
        { "version", "none of this protocol" },
        { "length", "none of this protocol" },
        { "unknown", "request 77" },
        { "features", "features 0x8000000000000000" },
        { "protocol features", "protocol features 0x8000000000000000" },
        { "queue", "names queue 2 of 2" },
        { "size", "48 entries" },
        { "kick", "is no eventfd" },
        { "no kick", "lacks a descriptor" },
        { "short", "too short" },
        { "region without file", "comes with 0 descriptors" },
        { "region past its file", "passes the end of its file" },
        { "region past the end", "passes the end of the address space" },
        { "region twice", "lies over another" },
        { "region unknown", "does not exist" },
        { "addresses", "outside the memory" },
        { "config", "not to be written" },
        { "inflight", "3 queues of 64" },
        { "log askew", "begins at 4093" },
        { "packed base", "outside its ring of 48" },
        { "cut", "in the middle of a message" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Front_end_that_breaks_the_protocol_is_disconnected_with_a_reason(string what, string reason)
    {
        using (var front = FrontEnd.Connect(_export.Socket))
        using (var memory = Memory.Guest.GuestMemory.Create(1 << 20))
        {
            Misbehave(front, memory, what);
            if (what != "cut") Assert.True(front.IsEnded());
        }

        Assert.Contains("is disconnected", _export.WaitForLine(reason), StringComparison.Ordinal);
        // Others are served all the same.
        using var next = new BlockDriver();
        next.Connect(_export.Socket);
        Assert.Equal(BlockStatus.Ok, next.Do(BlockRequestType.Read, 0, [], 512));
    }

    [Fact]
    public void Request_that_is_not_offered_is_answered_where_an_answer_is_wanted()
    {
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.SetProtocolFeatures, (ulong)VhostUserFeatures.ReplyAck);
        front.Send((VhostUserRequest)77, [], needReply: true);
        Assert.NotEqual(0UL, BinaryPrimitives.ReadUInt64LittleEndian(front.Receive((VhostUserRequest)77)!));
        front.Send(VhostUserRequest.SetOwner, [], needReply: true);
        Assert.Equal(0UL, BinaryPrimitives.ReadUInt64LittleEndian(front.Receive(VhostUserRequest.SetOwner)!));
    }

    [Fact]
    public void Message_with_a_reply_of_its_own_is_answered_once_although_an_answer_is_wanted()
    {
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.SetProtocolFeatures, (ulong)VhostUserFeatures.ReplyAck);
        front.Send(VhostUserRequest.GetQueueCount, [], needReply: true);
        Assert.Equal(2UL, BinaryPrimitives.ReadUInt64LittleEndian(front.Receive(VhostUserRequest.GetQueueCount)!));
        Assert.NotEqual(0UL, front.Get(VhostUserRequest.GetFeatures));
    }

    [Theory]
    [InlineData(0, 8)]
    [InlineData(0, 57)]
    [InlineData(32, 1)]
    [InlineData(0, 256)]
    public void Configuration_is_answered_in_the_length_that_was_asked_for(uint offset, uint bytes)
    {
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.GetConfig, [.. FrontEnd.Bytes(offset), .. FrontEnd.Bytes(bytes), .. FrontEnd.Bytes(0U), .. new byte[bytes]]);
        byte[] reply = front.Receive(VhostUserRequest.GetConfig)!;
        Assert.Equal(VhostUserConfig.Size + (int)bytes, reply.Length);
        if (offset == 0) Assert.Equal((ulong)_export.Disk.Content.Length / 512, BinaryPrimitives.ReadUInt64LittleEndian(reply.AsSpan(VhostUserConfig.Size)));
    }

    [Fact]
    public void Configuration_beyond_what_the_protocol_carries_is_answered_with_nothing()
    {
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.GetConfig, [.. FrontEnd.Bytes(200U), .. FrontEnd.Bytes(100U), .. FrontEnd.Bytes(0U)]);
        Assert.Empty(front.Receive(VhostUserRequest.GetConfig)!);
    }

    [Fact]
    public void Front_end_with_packed_rings_is_told_that_nothing_is_kept_for_requests_on_their_way()
    {
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.SetFeatures, (ulong)(VirtioFeatures.Version1 | VirtioFeatures.PackedRing | VirtioFeatures.ProtocolFeatures));
        byte[] wanted = new byte[VhostUserInflight.PaddedSize];
        new VhostUserInflight(0, 0, 2, 64).Write(wanted);
        front.Send(VhostUserRequest.GetInflight, wanted);
        Assert.True(VhostUserInflight.TryRead(front.Receive(VhostUserRequest.GetInflight, out int descriptor), out VhostUserInflight kept));
        Assert.Equal((-1, 0UL), (descriptor, kept.Bytes));
    }

    [Fact]
    public void Front_end_cannot_shorten_memory_that_can_be_sealed()
    {
        using SafeFileHandle file = SharedMemory.Create(1 << 20, sealable: true);
        using var front = FrontEnd.Connect(_export.Socket);
        front.Send(VhostUserRequest.AddMemoryRegion, Region(1 << 20), file);
        Assert.NotEqual(0UL, front.Get(VhostUserRequest.GetFeatures));
        Assert.False(SharedMemory.TryResize(file, 4096));
        Assert.True(SharedMemory.TryResize(file, 2 << 20));
        Assert.Null(_export.Find("could shorten"));
    }

    [Fact]
    public void Memory_that_cannot_be_sealed_is_taken_with_one_warning()
    {
        using SafeFileHandle file = SharedMemory.Create(2 << 20, sealable: false);
        using var front = FrontEnd.Connect(_export.Socket);
        for (ulong i = 0; i < 2; i++) front.Send(VhostUserRequest.AddMemoryRegion, Region(1 << 20, i << 20), file);
        Assert.NotEqual(0UL, front.Get(VhostUserRequest.GetFeatures));
        Assert.Equal(1, _export.Count("could shorten"));
    }

    [Fact]
    public void Several_front_ends_work_at_once()
    {
        BlockDriver[] drivers = [new(), new(), new()];
        foreach (BlockDriver driver in drivers) driver.Connect(_export.Socket);
        for (int i = 0; i < drivers.Length; i++) drivers[i].Submit(0, BlockRequestType.Write, (ulong)(i * 8), Enumerable.Repeat((byte)(i + 1), 4096).ToArray());
        foreach (BlockDriver driver in drivers) Assert.Equal((0, BlockStatus.Ok), driver.TryWait(TimeSpan.FromSeconds(30)));
        Assert.Equal(3, _export.Server.FrontEnds);
        foreach (BlockDriver driver in drivers) driver.Dispose();
        for (int i = 0; i < drivers.Length; i++) Assert.Equal(i + 1, _export.Disk.Content[i * 4096]);
    }

    [Fact]
    public void Queue_base_tells_how_far_the_queue_came_and_lets_another_go_on()
    {
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket);
        for (int i = 0; i < 5; i++) Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
        driver.FrontEnd!.Send(VhostUserRequest.GetQueueBase, 0, 0);
        Assert.Equal([0, 0, 0, 0, 5, 0, 0, 0], driver.FrontEnd.Receive(VhostUserRequest.GetQueueBase)!);

        driver.Leave();
        driver.Connect(_export.Socket);
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
    }

    [Fact]
    public void Memory_that_comes_and_goes_while_a_queue_runs_does_not_stop_it()
    {
        using var driver = new BlockDriver();
        using var more = VmBus.Memory.Guest.GuestMemory.Create(1 << 20);
        driver.Connect(_export.Socket);
        byte[] region = [.. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(1UL << 32), .. FrontEnd.Bytes(1UL << 20), .. FrontEnd.Bytes(1UL << 40), .. FrontEnd.Bytes(0UL)];
        for (int round = 0; round < 20; round++)
        {
            driver.FrontEnd!.Send(VhostUserRequest.AddMemoryRegion, region, more.File);
            Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
            driver.FrontEnd.Send(VhostUserRequest.RemoveMemoryRegion, region);
            Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
        }
    }

    [Fact]
    public void Front_end_that_vanishes_in_the_middle_of_a_request_takes_nothing_with_it()
    {
        _export.Disk.Late = true;
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket);
        driver.Submit(0, BlockRequestType.Write, 8, Enumerable.Repeat((byte)7, 4096).ToArray());
        Assert.True(SpinWait.SpinUntil(() => _export.Disk.LateCount > 0, TimeSpan.FromSeconds(30)));
        driver.Leave();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                _export.CompleteLate();
                return _export.Server.FrontEnds == 0;
            },
            TimeSpan.FromSeconds(30)));
        Assert.Equal(7, _export.Disk.Content[4096]);
        Assert.Equal(0, _export.Disk.OpenQueues);
    }

    [Fact]
    public void Ring_that_a_driver_breaks_stops_its_queue_and_nothing_else()
    {
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket);
        Assert.True(driver.Memory.TryWrite(new Memory.Guest.Gpa(0x2002), [0xFF, 0x7F]));
        driver.Kick();
        _export.WaitForLine("queue 0 is stopped");
        Assert.NotEqual(0UL, driver.FrontEnd!.Get(VhostUserRequest.GetFeatures));
        driver.FrontEnd.Send(VhostUserRequest.GetQueueBase, 0, 0);
        Assert.NotNull(driver.FrontEnd.Receive(VhostUserRequest.GetQueueBase));
    }

    [Fact]
    public void Reset_stops_the_queues_and_forgets_what_the_driver_set()
    {
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket);
        driver.FrontEnd!.Send(VhostUserRequest.SetConfig, [.. FrontEnd.Bytes(32U), .. FrontEnd.Bytes(1U), .. FrontEnd.Bytes(0U), 0]);
        Assert.NotEqual(0UL, driver.FrontEnd.Get(VhostUserRequest.GetFeatures));
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Write, 0, new byte[512]));
        Assert.Equal(1, _export.Disk.ForcedWrites);
        driver.FrontEnd.Send(VhostUserRequest.ResetDevice, []);
        Assert.NotEqual(0UL, driver.FrontEnd.Get(VhostUserRequest.GetFeatures));
        Assert.Equal(0, _export.Disk.OpenQueues);
        driver.FrontEnd.Send(VhostUserRequest.SetQueueEnable, 0, 1);
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Write, 0, new byte[512]));
        Assert.Equal(1, _export.Disk.ForcedWrites);
    }

    [Fact]
    public void Features_set_again_without_the_protocol_bit_leave_the_queue_running()
    {
        using var driver = new BlockDriver();
        driver.Connect(_export.Socket);
        driver.FrontEnd!.Send(VhostUserRequest.SetFeatures, driver.Agreed & ~(ulong)VirtioFeatures.ProtocolFeatures);
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 512));
    }

    [Fact]
    public void Pages_that_a_request_writes_are_marked_in_the_log()
    {
        using var driver = new BlockDriver();
        using MemoryFile log = MemoryFile.Create("log", 4096);
        using MemoryMapping view = MemoryMapping.Map(log, 0, 4096);
        driver.Connect(_export.Socket);
        driver.FrontEnd!.Send(VhostUserRequest.SetLogBase, [.. FrontEnd.Bytes(4096UL), .. FrontEnd.Bytes(0UL)], log);
        Assert.NotNull(driver.FrontEnd.Receive(VhostUserRequest.SetLogBase));
        driver.FrontEnd.Send(VhostUserRequest.SetFeatures, driver.Agreed | (ulong)VirtioFeatures.LogAll);
        Assert.NotEqual(0UL, driver.FrontEnd.Get(VhostUserRequest.GetFeatures));
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Read, 0, [], 8192));

        var bits = new Memory.Queues.QueueArea(view.Address, 4096);
        // The data at 1 MiB and the statuses at page 9, and not the header that was only read.
        Assert.Equal(0b11, bits.ReadByte(0x100 / 8));
        Assert.Equal(0b10, bits.ReadByte(1) & 0b11);
    }

    private static byte[] Region(ulong bytes, ulong start = 0)
        => [.. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(start), .. FrontEnd.Bytes(bytes), .. FrontEnd.Bytes(FrontEnd.UserAddress + start), .. FrontEnd.Bytes(start)];

    private static void Misbehave(FrontEnd front, Memory.Guest.GuestMemory memory, string what)
    {
        byte[] region = [.. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(memory.Bytes), .. FrontEnd.Bytes(FrontEnd.UserAddress), .. FrontEnd.Bytes(0UL)];
        switch (what)
        {
            case "version":
                front.SendRaw([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
                break;
            case "length":
                front.SendRaw([1, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255]);
                break;
            case "unknown":
                front.Send((VhostUserRequest)77, []);
                break;
            case "features":
                front.Send(VhostUserRequest.SetFeatures, 1UL << 63);
                break;
            case "protocol features":
                front.Send(VhostUserRequest.SetProtocolFeatures, 1UL << 63);
                break;
            case "queue":
                front.Send(VhostUserRequest.SetQueueSize, 2, 64);
                break;
            case "size":
                front.Send(VhostUserRequest.SetQueueSize, 0, 48);
                break;
            case "kick":
                front.Send(VhostUserRequest.SetQueueKick, 0UL, memory.File);
                break;
            case "no kick":
                front.Send(VhostUserRequest.SetQueueKick, 0UL);
                break;
            case "short":
                front.Send(VhostUserRequest.SetFeatures, [1, 2, 3]);
                break;
            case "region without file":
                front.Send(VhostUserRequest.SetMemoryTable, [.. FrontEnd.Bytes(1UL), .. region.AsSpan(8)]);
                break;
            case "region past its file":
                front.Send(VhostUserRequest.AddMemoryRegion, [.. region.AsSpan(0, 32), .. FrontEnd.Bytes(4096UL)], memory.File);
                break;
            case "region past the end":
                front.Send(VhostUserRequest.AddMemoryRegion, [.. FrontEnd.Bytes(0UL), .. FrontEnd.Bytes(ulong.MaxValue), .. region.AsSpan(16)], memory.File);
                break;
            case "region twice":
                front.Send(VhostUserRequest.AddMemoryRegion, region, memory.File);
                front.Send(VhostUserRequest.AddMemoryRegion, region, memory.File);
                break;
            case "log askew":
                front.Send(VhostUserRequest.SetLogBase, [.. FrontEnd.Bytes(3UL), .. FrontEnd.Bytes(4093UL)], memory.File);
                break;
            case "region unknown":
                front.Send(VhostUserRequest.RemoveMemoryRegion, region);
                break;
            case "addresses":
                using (var kick = EventFd.Create())
                {
                    front.ShareMemory(memory);
                    front.Send(VhostUserRequest.SetQueueSize, 0, 64);
                    front.Send(VhostUserRequest.SetQueueAddresses, [.. FrontEnd.Bytes(0UL), .. new byte[32]]);
                    front.Send(VhostUserRequest.SetQueueKick, 0UL, kick);
                    front.Send(VhostUserRequest.SetQueueEnable, 0, 1);
                }

                break;
            case "packed base":
                using (var kick = EventFd.Create())
                {
                    front.Send(VhostUserRequest.SetFeatures, (ulong)(VirtioFeatures.Version1 | VirtioFeatures.PackedRing));
                    front.Send(VhostUserRequest.SetQueueSize, 0, 48);
                    front.Send(VhostUserRequest.SetQueueBase, 0, 0x8000_8030);
                    front.Send(VhostUserRequest.SetQueueAddresses, [.. FrontEnd.Bytes(0UL), .. new byte[32]]);
                    front.Send(VhostUserRequest.SetQueueKick, 0UL, kick);
                }

                break;
            case "config":
                front.Send(VhostUserRequest.SetConfig, [.. FrontEnd.Bytes(0U), .. FrontEnd.Bytes(1U), .. FrontEnd.Bytes(0U), 1]);
                break;
            case "inflight":
                byte[] wanted = new byte[VhostUserInflight.PaddedSize];
                new VhostUserInflight(0, 0, 3, 64).Write(wanted);
                front.Send(VhostUserRequest.GetInflight, wanted);
                break;
            case "cut":
                front.SendRaw([1, 0, 0]);
                break;
        }
    }
}
