using VmBus.Bus.Devices;
using VmBus.Memory.Guest;
using VmBus.Protocol.DynamicMemory;
using VmBus.Providers.DynamicMemory;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.DynamicMemory;

/// <summary>Dynamic memory, played with a guest that does what it likes.</summary>
public sealed class DynamicMemoryTests
{
    private const uint Block = 128 * MemoryGuest.PagesPerMebibyte;

    [Theory]
    [InlineData(0x20000u, 1ul)]
    [InlineData(0x10000u, 1ul)]
    [InlineData(0x00003u, 1ul)]
    [InlineData(0x20001u, 0ul)]
    public void Versions_are_taken_or_refused(uint version, ulong answer)
    {
        var guest = new MemoryGuest();
        guest.Send(DynamicMemoryMessageType.VersionRequest, 16, message => WriteUInt32LittleEndian(message[8..], version));
        Assert.Equal(answer, ReadUInt64LittleEndian(guest.Expect(DynamicMemoryMessageType.VersionResponse).AsSpan(8)));
    }

    [Fact]
    public async Task Guest_gives_pages_in_pieces_and_the_host_has_them_back()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(32 * MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Equal(8192u, ReadUInt32LittleEndian(guest.Expect(DynamicMemoryMessageType.BalloonRequest).AsSpan(8)));
        guest.Give(more: true, new PageRange(512, 512), new PageRange(100, 1));
        guest.Give(more: false, new PageRange(1024, 7679));
        guest.RunOne();
        DynamicMemoryInfo info = await set;
        Assert.Equal((32 * MemoryGuest.Mebibyte, 32 * MemoryGuest.Mebibyte), (info.AssignedBytes, info.BalloonedBytes));
        Assert.Equal([new PageRun(512, 512), new PageRun(100, 1), new PageRun(1024, 7679)], guest.Discarded);

        set = guest.Provider.SetAsync(33 * MemoryGuest.Mebibyte);
        guest.RunOne();
        byte[] request = guest.Expect(DynamicMemoryMessageType.UnballoonRequest);
        Assert.Equal((0u, 2u), (ReadUInt32LittleEndian(request.AsSpan(8)), ReadUInt32LittleEndian(request.AsSpan(12))));
        Assert.Equal([new PageRange(100, 1), new PageRange(512, 255)], [PageRange.Read(request.AsSpan(16)), PageRange.Read(request.AsSpan(24))]);
        guest.Send(DynamicMemoryMessageType.UnballoonResponse, 8);
        Assert.Equal(33 * MemoryGuest.Mebibyte, (await set).AssignedBytes);
    }

    [Fact]
    public async Task More_than_one_request_is_asked_one_after_the_other()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(16 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Expect(DynamicMemoryMessageType.BalloonRequest);
        Assert.False(guest.HasMessages);
        guest.Give(more: false, new PageRange(0, 8192));
        guest.RunOne();
        Assert.Equal(4096u, ReadUInt32LittleEndian(guest.Expect(DynamicMemoryMessageType.BalloonRequest).AsSpan(8)));
        guest.Give(more: false, new PageRange(8192, 4096));
        guest.RunOne();
        Assert.Equal(16 * MemoryGuest.Mebibyte, (await set).AssignedBytes);
    }

    [Fact]
    public async Task Guest_that_needs_its_memory_keeps_it()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(60 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Give(more: false, new PageRange(0, 256));
        guest.RunOne();
        guest.Give(more: false);
        Assert.Equal("Dynamic memory: the guest needs the rest itself; it has 63 MiB.", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message);
        Assert.Null(guest.Provider.Describe().GoalBytes);
    }

    public static TheoryData<ulong, uint, string> Lies { get; } = new()
    {
        { 64 * MemoryGuest.PagesPerMebibyte, 1, "beyond RAM" },
        { 0xFF_FFFF_FFFF, 1, "beyond everything" },
        { 10, 0, "nothing" },
        { 0, 8193, "more than asked" },
        { 1000, 5, "given already" },
        { 999, 2, "overlapping" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Pages_that_are_not_the_guests_to_give_close_the_channel(ulong first, uint count, string why)
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        _ = guest.Provider.SetAsync(MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Equal(PacketVerdict.Taken, guest.Give(more: true, new PageRange(1000, 5)));
        Assert.True(guest.Give(more: false, new PageRange(first, count)) == PacketVerdict.Violation, why);
        guest.Endpoint.Close();
        Assert.True(guest.IsClosed);
    }

    [Fact]
    public async Task Memory_is_added_in_blocks_and_what_remains_is_not()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(200 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.RunOne();
        Assert.Equal(new PageRange(64 * MemoryGuest.PagesPerMebibyte, Block), PageRange.Read(guest.Expect(DynamicMemoryMessageType.HotAddRequest).AsSpan(8)));
        guest.Use(Block, 1);
        Assert.Equal(192 * MemoryGuest.Mebibyte, (await set).AssignedBytes);
        Assert.Equal(128 * MemoryGuest.Mebibyte, guest.AddedBytes);
    }

    [Theory]
    [InlineData(0u, 1u, 0, "the guest does not use memory that is added while it runs; it has 64 MiB.")]
    [InlineData(0u, 0u, 0, "the guest cannot use more memory now; it has 64 MiB.")]
    [InlineData(1000u, 1u, 128, "the guest has used only a part of the memory that was added; it has 192 MiB.")]
    public async Task Memory_that_the_guest_does_not_use_is_taken_back(uint pages, uint result, int addedMebibytes, string message)
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(guest.MaximumBytes);
        guest.RunOne();
        guest.RunOne();
        guest.Use(pages, result);
        if (addedMebibytes == 0) guest.RunOne();
        Assert.Equal("Dynamic memory: " + message, (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message);
        Assert.Equal(addedMebibytes * MemoryGuest.Mebibyte, guest.AddedBytes);
    }

    [Fact]
    public async Task Memory_is_taken_back_as_it_was_added_whatever_block_the_guest_names_meanwhile()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(guest.MaximumBytes);
        guest.RunOne();
        guest.RunOne();
        guest.Expect(DynamicMemoryMessageType.HotAddRequest);
        guest.Agree(0x23);
        guest.Use(0, 1);
        guest.RunOne();
        await Assert.ThrowsAsync<DynamicMemoryException>(() => set);
        Assert.Equal(0, guest.AddedBytes);
    }

    [Theory]
    [InlineData(0x1Eul, 32, "the guest's driver cannot give memory back; it has 64 MiB.")]
    [InlineData(0x1Dul, 192, "the guest's driver cannot use memory that is added while it runs; it has 64 MiB.")]
    public async Task What_the_driver_cannot_do_is_not_asked_for(ulong capabilities, int mebibytes, string message)
    {
        MemoryGuest guest = new MemoryGuest().Agree(capabilities);
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(mebibytes * MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.False(guest.HasMessages);
        Assert.Equal("Dynamic memory: " + message, (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message);
    }

    [Fact]
    public async Task Guest_that_does_not_answer_is_waited_for_half_a_minute()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Clock.Advance(DynamicMemoryEndpoint.Patience);
        guest.RunOne();
        Assert.Equal("Dynamic memory: the guest has not answered for 30 s; it has 64 MiB.", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message);
        guest.Expect(DynamicMemoryMessageType.BalloonRequest);

        // A driver that is asked again meanwhile would forget what it was at.
        set = guest.Provider.SetAsync(MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Contains("what it was asked before", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message, StringComparison.Ordinal);
        Assert.False(guest.HasMessages);

        // What it gives late it has given.
        Assert.Equal(PacketVerdict.Taken, guest.Give(more: false, new PageRange(0, 256)));
        guest.RunOne();
        Assert.Equal([new PageRun(0, 256)], guest.Discarded);
        Assert.Equal(63 * MemoryGuest.Mebibyte, guest.Provider.Describe().AssignedBytes);
        set = guest.Provider.SetAsync(64 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Expect(DynamicMemoryMessageType.UnballoonRequest);
    }

    [Fact]
    public async Task Pages_that_the_guest_has_not_heard_of_are_not_its_own()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(63 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Give(more: false, new PageRange(0, 256));
        guest.RunOne();
        await set;
        guest.RingIsFull = true;
        set = guest.Provider.SetAsync(64 * MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Contains("it has 63 MiB", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message, StringComparison.Ordinal);
        Assert.Equal(63 * MemoryGuest.Mebibyte, guest.Provider.Describe().AssignedBytes);
    }

    [Fact]
    public async Task Guest_that_does_not_read_is_not_waited_for()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        guest.RingIsFull = true;
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Contains("does not read", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_that_cannot_is_told_of()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        guest.Refusal = new IOException("no memory");
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(192 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.RunOne();
        Assert.Equal("Dynamic memory: no memory; it has 64 MiB.", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message);
    }

    [Fact]
    public async Task Sizes_that_cannot_be_and_a_guest_without_a_driver_are_refused()
    {
        var guest = new MemoryGuest();
        Assert.Contains("no driver", (await Assert.ThrowsAsync<DynamicMemoryException>(() => guest.Provider.SetAsync(MemoryGuest.Mebibyte))).Message, StringComparison.Ordinal);
        foreach (long bytes in new[] { 0, -1, guest.MaximumBytes + 1 })
            Assert.Contains("choose 1 MiB to 320 MiB", (await Assert.ThrowsAsync<DynamicMemoryException>(() => guest.Provider.SetAsync(bytes))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Later_size_replaces_the_earlier_one_and_a_wait_can_be_given_up()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> first = guest.Provider.SetAsync(MemoryGuest.Mebibyte);
        using var giveUp = new CancellationTokenSource();
        Task<DynamicMemoryInfo> second = guest.Provider.SetAsync(2 * MemoryGuest.Mebibyte, giveUp.Token);
        Assert.Contains("another size", (await Assert.ThrowsAsync<DynamicMemoryException>(() => first)).Message, StringComparison.Ordinal);
        giveUp.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        guest.RunOne();
        guest.RunOne();
        Assert.False(guest.HasMessages);
    }

    [Fact]
    public async Task What_is_in_the_balloon_when_the_driver_goes_is_lost_until_a_reset()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        Task<DynamicMemoryInfo> set = guest.Provider.SetAsync(32 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Expect(DynamicMemoryMessageType.BalloonRequest);
        guest.Give(more: false, new PageRange(0, 4096));
        guest.RunOne();
        guest.Expect(DynamicMemoryMessageType.BalloonRequest);
        guest.Reopen();
        Assert.Contains("went away", (await Assert.ThrowsAsync<DynamicMemoryException>(() => set)).Message, StringComparison.Ordinal);
        guest.Agree();
        DynamicMemoryInfo info = guest.Provider.Describe();
        Assert.Equal((48 * MemoryGuest.Mebibyte, 16 * MemoryGuest.Mebibyte), (info.AssignedBytes, info.BalloonedBytes));
        Task<DynamicMemoryInfo> more = guest.Provider.SetAsync(64 * MemoryGuest.Mebibyte);
        guest.RunOne();
        Assert.Equal(48 * MemoryGuest.Mebibyte, (await more).AssignedBytes);
        guest.Provider.Reset();
        Assert.Equal(64 * MemoryGuest.Mebibyte, guest.Provider.Describe().AssignedBytes);
    }

    [Fact]
    public void Channel_stays_open_until_the_hosts_own_work_is_done()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        _ = guest.Provider.SetAsync(32 * MemoryGuest.Mebibyte);
        guest.RunOne();
        guest.Give(more: false, new PageRange(0, 1));
        guest.Endpoint.Close();
        Assert.False(guest.IsClosed);
        guest.RunOne();
        Assert.True(guest.IsClosed);
    }

    [Fact]
    public void Reports_are_shown_whatever_they_say()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        guest.Send(DynamicMemoryMessageType.StatusReport, 48, message =>
        {
            WriteUInt64LittleEndian(message[8..], 3);
            WriteUInt64LittleEndian(message[16..], ulong.MaxValue);
        });
        DynamicMemoryInfo info = guest.Provider.Describe();
        Assert.Equal(3 * 4096L, info.AvailableBytes);
        Assert.True(info.CommittedBytes > 1L << 60);
    }

    [Fact]
    public void Nonsense_closes_nothing_and_changes_nothing()
    {
        MemoryGuest guest = new MemoryGuest().Agree();
        var random = new Random(1);
        for (int round = 0; round < 20_000; round++)
        {
            var message = new byte[random.Next(0, 64)];
            random.NextBytes(message);
            if (message.Length >= 4)
            {
                message[0] = (byte)random.Next(0, 14);
                message[1] = 0;
                if (random.Next(2) == 0) WriteUInt16LittleEndian(message.AsSpan(2), (ushort)message.Length);
            }

            Assert.Equal(PacketVerdict.Taken, guest.SendBytes(message));
        }

        Assert.Equal(64 * MemoryGuest.Mebibyte, guest.Provider.Describe().AssignedBytes);
        Assert.Empty(guest.Discarded);
    }
}
