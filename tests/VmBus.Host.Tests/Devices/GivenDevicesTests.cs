using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Host.Devices;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Storage.Disks;
using VmBus.TestKit.Network;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Host.Tests.Devices;

/// <summary>What one process has opened, and another takes by its words.</summary>
public sealed class GivenDevicesTests : IDisposable
{
    private static readonly SpecPage Page = SpecPage.Load("given.md");
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-given-").FullName;

    [Fact]
    public void Message_is_that_of_the_page()
    {
        SpecLayout layout = Page.Layout("message");
        byte[] bytes = new byte[GivenHeader.Size];
        new GivenHeader(0x1234, GivenKind.Nic, 7, 0x0456).Write(bytes);
        Assert.Equal(GivenHeader.Size, layout.Offset("text"));
        Assert.Equal(0x1234UL, layout.Read(bytes, "text bytes"));
        Assert.Equal((ulong)GivenKind.Nic, layout.Read(bytes, "kind"));
        Assert.Equal(7UL, layout.Read(bytes, "descriptors"));
        Assert.Equal(0x0456UL, layout.Read(bytes, "detail bytes"));
        Assert.True(GivenHeader.TryRead(bytes, out GivenHeader read));
        Assert.Equal(new GivenHeader(0x1234, GivenKind.Nic, 7, 0x0456), read);
        for (int length = 0; length < GivenHeader.Size; length++) Assert.False(GivenHeader.TryRead(bytes.AsSpan(0, length), out _));
    }

    [Fact]
    public void Kinds_are_those_of_the_page() => Assert.Empty(Page.Numbers("kinds").DifferencesFrom<GivenKind>());

    [Fact]
    public void Header_with_lengths_that_cannot_be_is_refused()
    {
        byte[] bytes = new byte[GivenHeader.Size];
        new GivenHeader(GivenHeader.MaximumTextBytes + 1, GivenKind.File, 1, 0).Write(bytes);
        Assert.False(GivenHeader.TryRead(bytes, out _));
        new GivenHeader(3, GivenKind.File, 1, 4).Write(bytes);
        Assert.False(GivenHeader.TryRead(bytes, out _));
    }

    [Fact]
    public void Disk_is_found_by_its_words_with_the_format_that_it_was_found_to_have_and_is_taken_once()
    {
        string path = MakeFile("a,b.img", 1 << 20);
        string text = $"{path.Replace(",", ",,", StringComparison.Ordinal)},id=data,bus=virtio";
        using GivenDevices devices = Receive(giver => giver.GiveDisk(text, further: false, NullLogger.Instance));
        File.Delete(path);
        DiskOptions options = DiskOptions.Parse(text, static (key, _) => key == "bus");
        DiskOptions resolved = devices.Resolve(options);
        Assert.Equal(options with { Format = DiskFormat.Raw }, resolved);
        Assert.Equal(DiskProblem.NotFound, Assert.Throws<DiskException>(() => devices.Resolve(options with { Id = "other" })).Problem);
        using (IDisk disk = devices.OpenDisk(resolved, NullLogger.Instance)) Assert.Equal(1 << 20, disk.Geometry.Bytes);
        Assert.Equal(DiskProblem.NotFound, Assert.Throws<DiskException>(() => devices.OpenDisk(resolved, NullLogger.Instance)).Problem);
        Assert.False(devices.StartsPrograms);
    }

    [Fact]
    public void Two_disks_of_the_same_words_are_two()
    {
        string text = $"{MakeFile("disk", 4096)},readonly";
        using GivenDevices devices = Receive(giver =>
        {
            giver.GiveDisk(text, further: false, NullLogger.Instance);
            giver.GiveDisk(text, further: false, NullLogger.Instance);
        });
        File.Delete(Path.Combine(_folder, "disk"));
        DiskOptions options = DiskOptions.Parse(text);
        using IDisk first = devices.OpenDisk(devices.Resolve(options), NullLogger.Instance);
        using IDisk second = devices.OpenDisk(devices.Resolve(options), NullLogger.Instance);
        Assert.Throws<DiskException>(() => devices.Resolve(options));
    }

    [Fact]
    public void Disk_that_the_command_line_has_not_is_told()
    {
        string path = MakeFile("seed.iso", 4096);
        using GivenDevices devices = Receive(giver => giver.GiveDisk($"{path},format=iso,readonly,id=cidata", further: true, NullLogger.Instance));
        DiskOptions seed = Assert.Single(devices.FurtherDisks);
        Assert.Equal(new DiskOptions(path) { Format = DiskFormat.Iso, ReadOnly = true, Id = "cidata" }, seed);
        using IDisk disk = devices.OpenDisk(devices.Resolve(seed), NullLogger.Instance);
        Assert.Equal(2048, disk.Geometry.LogicalSectorBytes);
    }

    [Fact]
    public void File_is_found_by_its_path_and_others_are_the_callers_to_open()
    {
        string path = MakeFile("file", 10);
        using GivenDevices devices = Receive(giver => giver.GiveFileToRead(path));
        Assert.True(devices.HasFile(path));
        Assert.Null(devices.TakeFile(path + "x"));
        using (LinuxFile file = devices.TakeFile(path)!)
        {
            Assert.Equal(0, FileStatus.TryRead(file, out FileStatus status));
            Assert.Equal(10, status.Bytes);
        }

        Assert.False(devices.HasFile(path));
        Assert.Null(devices.TakeFile(path));
    }

    [Theory]
    [InlineData("none", "cannot be read")]
    [InlineData(".", "no regular file")]
    public void What_is_no_file_to_be_read_is_refused(string name, string words)
        => Assert.Contains(words, Assert.Throws<IOException>(() => Receive(giver => giver.GiveFileToRead(Path.Combine(_folder, name)))).Message, StringComparison.Ordinal);

    [NetworkFact]
    public void Adapter_is_found_by_its_words_and_its_loss_is_told_with_them_until_it_is_given_anew() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add t0 mode tap multi_queue");
        NetworkNamespace.Ip("link set t0 up");
        string socket = Path.Combine(_folder, "given");
        using GivenDevices devices = Receive(giver => giver.GiveNic("tap=t0,id=lan", 2, renews: false), socket);
        using var lost = new ManualResetEventSlim();
        string? told = null;
        devices.LinkLost += text =>
        {
            told = text;
            lost.Set();
        };
        using ILink link = devices.OpenLink(NicOptions.Parse("tap=t0,id=lan"), NullLogger.Instance);
        Assert.Equal(2, link.Traits.MaximumQueues);
        NetworkNamespace.Ip("link del t0");
        NetworkNamespace.Ip("tuntap add t0 mode tap multi_queue");
        NetworkNamespace.Ip("link set t0 up");
        Assert.True(lost.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal("tap=t0,id=lan", told);
        Assert.False(link.IsUp);
        Give(socket, giver => giver.GiveNic("tap=t0,id=lan", 2, renews: true));
        Assert.True(SpinWait.SpinUntil(() => link.IsUp, TimeSpan.FromSeconds(30)));
        // It is no adapter to be added.
        Assert.Contains("was not given", Assert.Throws<IOException>(() => devices.OpenLink(NicOptions.Parse("tap=t0,id=lan"), NullLogger.Instance)).Message, StringComparison.Ordinal);
    });

    [Fact]
    public void More_is_given_at_the_socket_and_what_was_not_is_refused_with_the_cure()
    {
        string path = MakeFile("disk", 1 << 20), socket = Path.Combine(_folder, "given");
        using GivenDevices devices = Receive(static _ => { }, socket);
        var options = new DiskOptions(path);
        Assert.Contains("vmbus disk add NAME", Assert.Throws<IOException>(() => devices.Resolve(options)).Message, StringComparison.Ordinal);
        Assert.Contains("vmbus copy NAME", Assert.Throws<IOException>(() => devices.TakeFile(path)).Message, StringComparison.Ordinal);
        Assert.Contains("vmbus nic add NAME", Assert.Throws<IOException>(() => devices.OpenLink(NicOptions.Parse("user"), NullLogger.Instance)).Message, StringComparison.Ordinal);
        Give(socket, giver => giver.GiveDisk(path, further: false, NullLogger.Instance));
        using IDisk disk = devices.OpenDisk(devices.Resolve(options), NullLogger.Instance);
        Assert.Equal(1 << 20, disk.Geometry.Bytes);
        Assert.Throws<IOException>(() => devices.Resolve(options));
    }

    [Fact]
    public void Message_that_makes_no_sense_ends_its_connection_and_no_other()
    {
        string socket = Path.Combine(_folder, "given"), path = MakeFile("file", 10);
        using GivenDevices devices = Receive(static _ => { }, socket);
        using EventFd descriptor = EventFd.Create();
        byte[] header = new byte[GivenHeader.Size];
        foreach (byte[] bad in new[]
        {
            Message(new GivenHeader(1, (GivenKind)99, 1, 0), "x"),
            Message(new GivenHeader(1, GivenKind.File, 2, 0), "x"),
            Message(new GivenHeader(1, GivenKind.File, 1, 2), "x"),
            Message(new GivenHeader(int.MaxValue, GivenKind.File, 1, 0), "x"),
            Message(new GivenHeader(12, GivenKind.Disk, 1, 0), "x,colour=red"),
            Message(new GivenHeader(3, GivenKind.Nic, 1, 0), "foo"),
        })
        {
            using DescriptorSocket connection = Connect(socket);
            Assert.Equal(0, connection.Send(bad, descriptor));
            // The end, or that something was not read before it.
            Assert.InRange(connection.Receive(new byte[1], new int[DescriptorSocket.MaximumDescriptors], out _), int.MinValue, 0);
        }

        // One that stops within a message holds up nobody for ever.
        using (DescriptorSocket connection = Connect(socket)) Assert.Equal(0, connection.Send(header.AsSpan(0, 3)));
        Give(socket, giver => giver.GiveFileToRead(path));
        Assert.True(devices.HasFile(path));
    }

    [Fact]
    public void Connection_that_ends_within_a_message_is_an_error()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (var sender = DescriptorSocket.Take(ours)) Assert.Equal(0, sender.Send(new byte[3]));
        Assert.Contains("makes no sense", Assert.Throws<IOException>(() => GivenDevices.Receive(theirs, NullLogger.Instance)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptors_beside_a_later_byte_than_the_first_are_refused()
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        byte[] message = Message(new GivenHeader(3, GivenKind.File, 2, 0), "abc");
        using (EventFd descriptor = EventFd.Create())
        using (var sender = DescriptorSocket.Take(ours))
        {
            Assert.Equal(0, sender.Send(message.AsSpan(0, 9), descriptor));
            Assert.Equal(0, sender.Send(message.AsSpan(9), descriptor));
        }

        Assert.Contains("a later byte", Assert.Throws<IOException>(() => GivenDevices.Receive(theirs, NullLogger.Instance)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((int)GivenKind.Disk, "/a,format=\n\u001b[2J")]
    [InlineData((int)GivenKind.Nic, "tap=t0,mac=\nx")]
    [InlineData((int)GivenKind.Connector, "\r\nplace")]
    public void Refusal_of_what_is_given_is_one_line(int kind, string text)
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (EventFd descriptor = EventFd.Create())
        using (var sender = DescriptorSocket.Take(ours)) Assert.Equal(0, sender.Send(Message(new GivenHeader(text.Length, (GivenKind)kind, 1, 0), text), descriptor));
        Assert.DoesNotContain(Assert.Throws<IOException>(() => GivenDevices.Receive(theirs, NullLogger.Instance)).Message, char.IsControl);
    }

    [Fact]
    public void More_than_may_wait_is_refused()
    {
        string path = MakeFile("file", 10);
        // One connection holds fewer messages than that before they are read.
        string socket = Path.Combine(_folder, "given");
        using GivenDevices devices = Receive(static _ => { }, socket);
        for (int i = 0; i < 256; i++) Give(socket, giver => giver.GiveFileToRead(path));
        Assert.Contains("its log says why", Assert.Throws<IOException>(() => Give(socket, giver => giver.GiveFileToRead(path))).Message, StringComparison.Ordinal);
        devices.TakeFile(path)!.Dispose();
        Give(socket, giver => giver.GiveFileToRead(path));
    }

    [Fact]
    public void What_nobody_has_taken_is_closed_at_the_end()
    {
        string path = MakeFile("disk", 4096);
        Receive(giver => giver.GiveDisk(path, further: false, NullLogger.Instance)).Dispose();
        DiskFactory.Open(new DiskOptions(path), NullLogger.Instance).Dispose();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Message(GivenHeader header, string text)
    {
        byte[] bytes = new byte[GivenHeader.Size + text.Length];
        header.Write(bytes);
        System.Text.Encoding.ASCII.GetBytes(text, bytes.AsSpan(GivenHeader.Size));
        return bytes;
    }

    private static GivenDevices Receive(Action<DeviceGiver> give, string? socket = null)
    {
        (LinuxFile ours, LinuxFile theirs) = UnixStream.CreatePair();
        using (var sender = DescriptorSocket.Take(ours))
        {
            var giver = new DeviceGiver(sender, waits: false);
            try
            {
                give(giver);
            }
            catch
            {
                theirs.Dispose();
                throw;
            }

            if (socket is not null)
            {
                using LinuxFile listener = UnixSocket.Claim(socket, blocking: false);
                giver.GiveSocket(listener);
            }
        }

        return GivenDevices.Receive(theirs, NullLogger.Instance);
    }

    private static DescriptorSocket Connect(string socket) => DescriptorSocket.Take(UnixSocket.TryConnect(socket, out _)!);

    private static void Give(string socket, Action<DeviceGiver> give)
    {
        using DescriptorSocket connection = Connect(socket);
        var giver = new DeviceGiver(connection, waits: true);
        give(giver);
        giver.WaitUntilTaken();
    }

    private string MakeFile(string name, long bytes)
    {
        string path = Path.Combine(_folder, name);
        using FileStream file = File.Create(path);
        file.SetLength(bytes);
        return path;
    }
}
