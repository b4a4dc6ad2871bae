using VmBus.GuestTools.Files;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.Files;

public sealed class FileReceiverTests : IDisposable
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private readonly TemporaryFolder _root = new();
    private readonly FileReceiver _receiver;

    public FileReceiverTests()
    {
        _receiver = new FileReceiver(_root.Path);
        Directory.CreateDirectory(_root["data"]);
    }

    public void Dispose()
    {
        _receiver.Dispose();
        _root.Dispose();
    }

    [Fact]
    public void File_appears_whole_with_its_mode()
    {
        Assert.Equal(ReceiveStatus.Done, _receiver.Start("/data/", "file", FileCopyFlags.None, 6));
        Assert.Equal(ReceiveStatus.Done, _receiver.Write(0, "abc"u8));
        Assert.Empty(Directory.GetFileSystemEntries(_root["data"]));
        Assert.Equal(ReceiveStatus.Done, _receiver.Write(3, "def"u8));
        Assert.Equal(ReceiveStatus.Done, _receiver.Complete());
        Assert.Equal("abcdef", File.ReadAllText(_root["data/file"]));
        Assert.Equal(Mode, File.GetUnixFileMode(_root["data/file"]));
        Assert.Single(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Fact]
    public void Empty_file_is_a_file()
    {
        Assert.Equal(ReceiveStatus.Done, Copy("/data", "empty", FileCopyFlags.None, []));
        Assert.Equal(0, new FileInfo(_root["data/empty"]).Length);
    }

    [Fact]
    public void Cancelled_file_leaves_nothing_and_what_was_there_stays()
    {
        File.WriteAllText(_root["data/file"], "old");
        _receiver.Start("/data", "file", FileCopyFlags.Overwrite, 3);
        _receiver.Write(0, "new"u8);
        _receiver.Cancel();
        Assert.Equal("old", File.ReadAllText(_root["data/file"]));
        Assert.Single(Directory.GetFileSystemEntries(_root["data"]));
        Assert.Equal(ReceiveStatus.Refused, _receiver.Complete());
    }

    [Fact]
    public void File_that_is_not_whole_is_no_file()
    {
        _receiver.Start("/data", "file", FileCopyFlags.None, 6);
        _receiver.Write(0, "abc"u8);
        Assert.Equal(ReceiveStatus.Refused, _receiver.Complete());
        Assert.Contains("3 of 6", _receiver.Reason, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Fact]
    public void File_that_is_there_is_replaced_only_when_told()
    {
        File.WriteAllText(_root["data/file"], "old");
        Assert.Equal(ReceiveStatus.Exists, Copy("/data", "file", FileCopyFlags.None, "new"u8));
        Assert.Equal("old", File.ReadAllText(_root["data/file"]));
        Assert.Equal(ReceiveStatus.Done, Copy("/data", "file", FileCopyFlags.Overwrite, "new"u8));
        Assert.Equal("new", File.ReadAllText(_root["data/file"]));
        Assert.Single(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Fact]
    public void File_that_comes_meanwhile_is_not_replaced()
    {
        _receiver.Start("/data", "file", FileCopyFlags.None, 0);
        File.WriteAllText(_root["data/file"], "other");
        Assert.Equal(ReceiveStatus.Exists, _receiver.Complete());
        Assert.Equal("other", File.ReadAllText(_root["data/file"]));
    }

    [Fact]
    public void Folders_are_made_only_when_told()
    {
        Assert.Equal(ReceiveStatus.Failed, Copy("/data/a/b/", "file", FileCopyFlags.None, "x"u8));
        Assert.Equal(ReceiveStatus.Done, Copy("/data/a/b/", "file", FileCopyFlags.CreatePath, "x"u8));
        Assert.True(File.Exists(_root["data/a/b/file"]));
    }

    [Theory]
    [InlineData("/data", "..")]
    [InlineData("/data", ".")]
    [InlineData("/data", "")]
    [InlineData("/data", "a/b")]
    [InlineData("/data", "../file")]
    [InlineData("/data/../..", "file")]
    [InlineData("/data/./x", "file")]
    [InlineData("data", "file")]
    [InlineData("", "file")]
    public void Path_that_leads_elsewhere_is_refused(string folder, string name)
    {
        Assert.Equal(ReceiveStatus.Refused, Copy(folder, name, FileCopyFlags.CreatePath | FileCopyFlags.Overwrite, "x"u8));
        Assert.Empty(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Theory]
    [InlineData(FileCopyFlags.None)]
    [InlineData(FileCopyFlags.CreatePath)]
    public void Link_on_the_way_is_not_followed(FileCopyFlags flags)
    {
        using var outside = new TemporaryFolder();
        File.CreateSymbolicLink(_root["data/link"], outside.Path);
        Directory.CreateDirectory(outside["below"]);
        Assert.Equal(ReceiveStatus.Failed, Copy("/data/link", "file", flags, "x"u8));
        Assert.Equal(ReceiveStatus.Failed, Copy("/data/link/below", "file", flags, "x"u8));
        Assert.Single(Directory.GetFileSystemEntries(outside.Path));
    }

    [Fact]
    public void Link_in_the_files_place_is_replaced_and_what_it_leads_to_left_alone()
    {
        using var outside = new TemporaryFolder();
        File.WriteAllText(outside["target"], "kept");
        File.CreateSymbolicLink(_root["data/file"], outside["target"]);
        Assert.Equal(ReceiveStatus.Exists, Copy("/data", "file", FileCopyFlags.None, "x"u8));
        Assert.Equal(ReceiveStatus.Done, Copy("/data", "file", FileCopyFlags.Overwrite, "x"u8));
        Assert.Equal("kept", File.ReadAllText(outside["target"]));
        Assert.Null(new FileInfo(_root["data/file"]).LinkTarget);
    }

    [Fact]
    public void Folder_in_the_files_place_stays()
    {
        Directory.CreateDirectory(_root["data/file"]);
        Assert.Equal(ReceiveStatus.Failed, Copy("/data", "file", FileCopyFlags.Overwrite, "x"u8));
        Assert.Single(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(1, 3)]
    [InlineData(1, ulong.MaxValue)]
    public void Bytes_outside_the_announced_length_are_refused(int count, ulong position)
    {
        _receiver.Start("/data", "file", FileCopyFlags.None, 3);
        Assert.Equal(ReceiveStatus.Refused, _receiver.Write(position, new byte[count]));
        Assert.Equal(ReceiveStatus.Refused, _receiver.Write(0, "a"u8));
    }

    [Fact]
    public void File_that_no_disk_holds_is_refused_at_once()
    {
        Assert.Equal(ReceiveStatus.Refused, _receiver.Start("/data", "file", FileCopyFlags.None, ulong.MaxValue));
        Assert.NotEqual(ReceiveStatus.Done, _receiver.Start("/data", "file", FileCopyFlags.None, 1UL << 60));
        Assert.Empty(Directory.GetFileSystemEntries(_root["data"]));
    }

    [Fact]
    public void Next_file_gives_up_the_one_before()
    {
        _receiver.Start("/data", "one", FileCopyFlags.None, 1);
        Assert.Equal(ReceiveStatus.Done, Copy("/data", "two", FileCopyFlags.None, "x"u8));
        Assert.Equal(_root["data/two"], Assert.Single(Directory.GetFileSystemEntries(_root["data"])));
    }

    private ReceiveStatus Copy(string folder, string name, FileCopyFlags flags, ReadOnlySpan<byte> data)
    {
        ReceiveStatus status = _receiver.Start(folder, name, flags, (ulong)data.Length);
        if (status == ReceiveStatus.Done) status = _receiver.Write(0, data);
        return status == ReceiveStatus.Done ? _receiver.Complete() : status;
    }
}
