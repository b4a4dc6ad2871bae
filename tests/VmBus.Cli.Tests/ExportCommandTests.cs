using System.Buffers.Binary;
using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.VhostUser;
using Xunit;

namespace VmBus.Cli.Tests;

public sealed class ExportCommandTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-export-").FullName;

    public ExportCommandTests()
    {
        using FileStream disk = File.Create(Disk);
        disk.SetLength(4 << 20);
    }

    private string Disk => Path.Combine(_folder, "disk");

    private string Socket => Path.Combine(_folder, "socket");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Killed_and_started_again_it_loses_no_request()
    {
        // Every slot writes its own place again and again, each time other bytes, and waits for the end of the last before the next.
        var random = new Random(5);
        int[] written = new int[BlockDriver.Slots];
        HashSet<int> underWay = [];
        using var driver = new BlockDriver();
        ExportProcess export = Start();
        try
        {
            driver.Connect(Socket);
            for (int end = 0; end < 6; end++)
            {
                for (int i = 0; i < 400; i++)
                {
                    int slot = random.Next(BlockDriver.Slots);
                    if (underWay.Add(slot)) Write(driver, slot, ++written[slot]);
                    while (driver.TryWait(TimeSpan.Zero) is { } ended) Assert.True(ended.Status == BlockStatus.Ok && underWay.Remove(ended.Slot));
                }

                // At least one is submitted just before, so that it ends in the middle of something.
                for (int slot = 0; slot < BlockDriver.Slots; slot++)
                {
                    if (underWay.Add(slot)) Write(driver, slot, ++written[slot]);
                }

                export.Kill();
                driver.Leave();
                export.Dispose();
                export = Start();
                driver.Connect(Socket);
            }

            while (underWay.Count > 0)
            {
                (int Slot, BlockStatus Status)? ended = driver.TryWait(Patience);
                Assert.NotNull(ended);
                Assert.True(ended.Value.Status == BlockStatus.Ok && underWay.Remove(ended.Value.Slot));
            }

            Assert.Null(driver.TryWait(TimeSpan.Zero));
            Assert.Equal(0, export.Terminate().Status);
        }
        finally
        {
            export.Dispose();
        }

        byte[] disk = File.ReadAllBytes(Disk);
        for (int slot = 0; slot < BlockDriver.Slots; slot++)
            Assert.Equal(DataOf(slot, written[slot]), disk.AsSpan(slot * BlockDriver.SlotBytes, BlockDriver.SlotBytes).ToArray());
    }

    [Fact]
    public void Disk_that_was_enlarged_is_looked_at_again_by_a_signal()
    {
        using ExportProcess export = Start();
        using (var driver = new BlockDriver())
        {
            driver.Connect(Socket);
            ulong sectors = ReadSectors(driver.FrontEnd!);
            using (FileStream disk = File.OpenWrite(Disk)) disk.SetLength(disk.Length + (1 << 20));
            export.Signal("USR1");
            Assert.True(SpinWait.SpinUntil(() => ReadSectors(driver.FrontEnd!) == sectors + 2048, Patience));
            Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Flush, 0, []));
        }

        Assert.Equal((0, ""), export.Terminate());
    }

    [Fact]
    public void Terminated_it_removes_its_socket_and_ends_well()
    {
        using ExportProcess export = Start();
        using var driver = new BlockDriver();
        driver.Connect(Socket);
        Assert.Equal(BlockStatus.Ok, driver.Do(BlockRequestType.Flush, 0, []));
        Assert.Equal((0, ""), export.Terminate());
        Assert.False(File.Exists(Socket));
    }

    [Fact]
    public async Task Second_front_end_of_a_writable_disk_waits_until_the_first_goes()
    {
        using ExportProcess export = Start();
        using var first = new BlockDriver();
        first.Connect(Socket);
        Assert.Equal(BlockStatus.Ok, first.Do(BlockRequestType.Flush, 0, []));
        var second = new BlockDriver();
        Task connects = Task.Run(() => second.Connect(Socket));
        Assert.NotSame(connects, await Task.WhenAny(connects, Task.Delay(300)));
        first.Leave();
        await connects.WaitAsync(Patience);
        Assert.Equal(BlockStatus.Ok, second.Do(BlockRequestType.Flush, 0, []));
        second.Dispose();
    }

    private static ulong ReadSectors(FrontEnd front)
    {
        front.Send(VhostUserRequest.GetConfig, [.. FrontEnd.Bytes(0U), .. FrontEnd.Bytes(8U), .. FrontEnd.Bytes(0U), .. new byte[8]]);
        return BinaryPrimitives.ReadUInt64LittleEndian(front.Receive(VhostUserRequest.GetConfig).AsSpan(VhostUserConfig.Size));
    }

    private ExportProcess Start() => new(Socket, "blk", "--disk", Disk);

    private static void Write(BlockDriver driver, int slot, int number)
        => driver.Submit(slot, BlockRequestType.Write, (ulong)(slot * BlockDriver.SlotBytes / 512), DataOf(slot, number));

    private static byte[] DataOf(int slot, int number)
    {
        byte[] data = new byte[BlockDriver.SlotBytes];
        new Random((slot * 1_000_003) + number).NextBytes(data);
        return data;
    }
}
