using System.Buffers.Binary;
using System.Text;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.Files;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.Files;

public sealed class FileCopyHandlerTests : IDisposable
{
    private readonly TemporaryFolder _root = new();
    private readonly FileReceiver _receiver;
    private readonly FileCopyHandler _handler;

    public FileCopyHandlerTests()
    {
        _receiver = new FileReceiver(_root.Path);
        _handler = new FileCopyHandler(new FileCopySteps(_receiver, new DaemonLog(static _ => { })));
    }

    public void Dispose()
    {
        _receiver.Dispose();
        _root.Dispose();
    }

    [Fact]
    public void Messages_of_the_kernel_make_a_file()
    {
        Assert.Equal(IntegrationStatus.Success, Ask(Start("/neu", "größe", FileCopyFlags.CreatePath, 3)));
        Assert.Equal(IntegrationStatus.Success, Ask(Write(0, 3, "abc"u8)));
        Assert.Equal(IntegrationStatus.Success, Ask(End(FileCopyOperation.Complete)));
        Assert.Equal("abc", File.ReadAllText(_root["neu/größe"]));
        Assert.Equal(IntegrationStatus.AlreadyExists, Ask(Start("/neu", "größe", FileCopyFlags.None, 3)));
    }

    [Fact]
    public void Message_that_is_short_or_lies_about_its_length_is_refused()
    {
        byte[] start = Start("/", "file", FileCopyFlags.None, 9000);
        for (int length = 0; length < start.Length; length += 17) Assert.NotEqual(IntegrationStatus.Success, Ask(start[..length]));
        Assert.Equal(IntegrationStatus.Success, Ask(start));
        Assert.Equal(IntegrationStatus.InvalidArgument, Ask(Write(0, 6145, [])));
        Assert.Equal(IntegrationStatus.InvalidArgument, Ask(Write(0, uint.MaxValue, [])));
        Assert.Equal(IntegrationStatus.Fail, Ask(End((FileCopyOperation)9)));
    }

    [Fact]
    public void Cancelled_file_and_one_whose_host_is_gone_leave_nothing()
    {
        Ask(Start("/", "file", FileCopyFlags.None, 3));
        Assert.Equal(IntegrationStatus.Success, Ask(End(FileCopyOperation.Cancel)));
        Ask(Start("/", "file", FileCopyFlags.None, 3));
        _handler.Close();
        Assert.NotEqual(IntegrationStatus.Success, Ask(End(FileCopyOperation.Complete)));
        Assert.Empty(Directory.GetFileSystemEntries(_root.Path));
    }

    private static byte[] Start(string folder, string name, FileCopyFlags flags, ulong bytes)
    {
        byte[] message = new byte[FileCopyMessages.StartSize];
        Encoding.UTF8.GetBytes(name, message.AsSpan(36));
        Encoding.UTF8.GetBytes(folder, message.AsSpan(556));
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(1076), (uint)flags);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(1080), bytes);
        return message;
    }

    private static byte[] Write(ulong position, uint count, ReadOnlySpan<byte> data)
    {
        byte[] message = new byte[FileCopyMessages.WriteSize];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)FileCopyOperation.Write);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(40), position);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(48), count);
        data.CopyTo(message.AsSpan(52));
        return message;
    }

    private static byte[] End(FileCopyOperation operation)
    {
        byte[] message = new byte[FileCopyMessages.EndSize];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)operation);
        return message;
    }

    private IntegrationStatus Ask(byte[] message) => (IntegrationStatus)BinaryPrimitives.ReadUInt32LittleEndian(_handler.Answer(message).Span);
}
