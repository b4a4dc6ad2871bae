using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Files in pieces, and that a copy which fails tells the guest to remove what it has.</summary>
public sealed class FileCopyServiceTests : IDisposable
{
    private readonly IntegrationGuest _guest = new(IntegrationServices.FileCopy) { Version = new IntegrationVersion(1, 1) };
    private readonly string _path = Path.GetTempFileName();
    private readonly Dictionary<FileCopyOperation, IntegrationStatus?> _answers = [];
    private readonly FileCopyService _files;

    public FileCopyServiceTests()
    {
        _files = new FileCopyService(_guest.Provider);
        _guest.Serve = request => _answers.GetValueOrDefault((FileCopyOperation)request.Body[0], IntegrationStatus.Success);
        _guest.Open();
    }

    private IEnumerable<int> Asked => _guest.Requests.Select(static request => (int)request.Body[0]);

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(FileCopyMessages.MaximumDataBytes)]
    [InlineData((3 * FileCopyMessages.MaximumDataBytes) + 5)]
    public void File_arrives_whole(int bytes)
    {
        byte[] content = Write(bytes);
        Assert.Equal(bytes, _guest.Complete(Copy("/var/tmp/", FileCopyFlags.CreatePath)));
        GuestRequest start = _guest.Requests[0];
        Assert.Equal((1088, Path.GetFileName(_path), "/var/tmp/", 2u, (ulong)bytes), (
            start.Body.Length,
            WideText.Read(start.Body[36..556]),
            WideText.Read(start.Body[556..1076]),
            ReadUInt32LittleEndian(start.Body[1076..]),
            ReadUInt64LittleEndian(start.Body[1080..])));
        var arrived = new byte[bytes];
        foreach (GuestRequest piece in _guest.Requests.Where(static request => request.Body[0] == 1))
        {
            Assert.Equal(6196, piece.Body.Length);
            piece.Body.Slice(52, ReadInt32LittleEndian(piece.Body[48..])).CopyTo(arrived.AsSpan((int)ReadInt64LittleEndian(piece.Body[40..])));
        }

        Assert.Equal(content, arrived);
        Assert.Equal((2, 36), ((int)_guest.Requests[^1].Body[0], _guest.Requests[^1].Body.Length));
    }

    [Theory]
    [InlineData("/a/b/", "/a/b/", null)]
    [InlineData("/a/b", "/a/", "b")]
    [InlineData("/b", "/", "b")]
    [InlineData(@"C:\Temp\b.txt", @"C:\Temp\", "b.txt")]
    public void Path_is_a_folder_with_a_slash_and_a_name(string guestPath, string folder, string? name)
    {
        _guest.Complete(Copy(guestPath, FileCopyFlags.None));
        Assert.Equal(folder, WideText.Read(_guest.Requests[0].Body[556..1076]));
        Assert.Equal(name ?? Path.GetFileName(_path), WideText.Read(_guest.Requests[0].Body[36..556]));
    }

    [Theory]
    [InlineData("name")]
    [InlineData("")]
    [InlineData("/a/..")]
    [InlineData("/a/.")]
    public void Path_that_names_no_file_in_a_folder_is_not_sent(string guestPath)
    {
        _guest.Fails(Copy(guestPath, FileCopyFlags.None), IntegrationProblem.BadRequest);
        Assert.Empty(_guest.Requests);
    }

    [Fact]
    public void Path_that_is_too_long_is_not_sent()
    {
        _guest.Fails(Copy($"/{new string('x', 260)}/a", FileCopyFlags.None), IntegrationProblem.BadRequest);
        _guest.Fails(Copy($"/{new string('x', 260)}", FileCopyFlags.None), IntegrationProblem.BadRequest);
        Assert.Empty(_guest.Requests);
    }

    [Fact]
    public void File_that_the_guest_did_not_make_is_not_cancelled()
    {
        _answers[FileCopyOperation.Start] = IntegrationStatus.AlreadyExists;
        IntegrationException refusal = _guest.Fails(Copy("/a/", FileCopyFlags.None), IntegrationProblem.Refused);
        Assert.Contains("there is a file of that name", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([0], Asked);
    }

    [Theory]
    [InlineData(FileCopyOperation.Write, new[] { 0, 1, 3 })]
    [InlineData(FileCopyOperation.Complete, new[] { 0, 1, 2, 3 })]
    public void Refusal_on_the_way_is_followed_by_a_cancel(FileCopyOperation refused, int[] asked)
    {
        Write(10);
        _answers[refused] = IntegrationStatus.DiskFull;
        _guest.Fails(Copy("/a/", FileCopyFlags.None), IntegrationProblem.Refused);
        Assert.Equal(asked, Asked);
    }

    [Fact]
    public void Cancel_that_fails_too_does_not_hide_what_went_wrong()
    {
        Write(10);
        _answers[FileCopyOperation.Write] = IntegrationStatus.DiskFull;
        _answers[FileCopyOperation.Cancel] = IntegrationStatus.Fail;
        Assert.Equal(IntegrationStatus.DiskFull, _guest.Fails(Copy("/a/", FileCopyFlags.None), IntegrationProblem.Refused).Status);
    }

    [Fact]
    public void Guest_that_falls_silent_is_given_up_and_told_to_cancel()
    {
        Write(10);
        _answers[FileCopyOperation.Write] = null;
        Task copy = Copy("/a/", FileCopyFlags.None);
        _guest.WaitForRequests(2);
        _guest.Advance(TimeSpan.FromSeconds(40));
        _guest.Fails(copy, IntegrationProblem.NoAnswer);
        Assert.Equal([0, 1, 3], Asked);
    }

    [Fact]
    public void Driver_that_goes_away_ends_the_copy()
    {
        Write(10);
        _answers[FileCopyOperation.Write] = null;
        Task copy = Copy("/a/", FileCopyFlags.None);
        _guest.WaitForRequests(2);
        _guest.Close();
        _guest.Fails(copy, IntegrationProblem.Closed);
    }

    [Fact]
    public void File_that_shrinks_on_the_way_is_cancelled()
    {
        Write(2 * FileCopyMessages.MaximumDataBytes);
        _guest.Serve = request =>
        {
            if (request.Body[0] == 1) Write(10);
            return IntegrationStatus.Success;
        };
        Task copy = Copy("/a/", FileCopyFlags.None);
        Assert.Throws<IOException>(() => _guest.Complete(copy));
        Assert.Equal([0, 1, 3], Asked);
    }

    [Fact]
    public void Second_file_at_a_time_is_refused()
    {
        _answers[FileCopyOperation.Start] = null;
        _ = Copy("/a/", FileCopyFlags.None);
        _guest.WaitForRequests(1);
        _guest.Fails(Copy("/a/", FileCopyFlags.None), IntegrationProblem.Busy);
    }

    [Fact]
    public void File_that_is_not_there_or_is_a_folder_is_not_sent()
    {
        Assert.Throws<FileNotFoundException>(() => _guest.Complete(_files.CopyAsync(_path + ".none", "/a/", FileCopyFlags.None, CancellationToken.None)));
        Assert.Throws<IOException>(() => _guest.Complete(_files.CopyAsync(Path.GetTempPath(), "/a/b", FileCopyFlags.None, CancellationToken.None)));
        Assert.Empty(_guest.Requests);
    }

    private Task<long> Copy(string guestPath, FileCopyFlags flags) => _files.CopyAsync(_path, guestPath, flags, CancellationToken.None);

    private byte[] Write(int bytes)
    {
        var content = new byte[bytes];
        new Random(bytes).NextBytes(content);
        File.WriteAllBytes(_path, content);
        return content;
    }
}
