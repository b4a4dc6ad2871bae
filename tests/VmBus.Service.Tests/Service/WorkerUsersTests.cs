using VmBus.Native.Linux;
using VmBus.Service.Workers;
using Xunit;

namespace VmBus.Service.Tests.Service;

public sealed class WorkerUsersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-users-").FullName;

    [Fact]
    public void Each_worker_has_another_until_it_has_ended()
    {
        var users = new WorkerUsers("1900000000-1900000002", "/bin/sh");
        if (users.Missing is not null)
        {
            Assert.Null(users.Take());
            return;
        }

        Assert.Equal(1900000000u, users.Take());
        users.Keep(1900000001);
        Assert.Equal(1900000002u, users.Take());
        Assert.Null(users.Take());
        users.Release(1900000001);
        Assert.Equal(1900000001u, users.Take());
    }

    [Fact]
    public void None_are_taken_where_none_are_wished()
    {
        var users = new WorkerUsers("none", "/bin/sh");
        Assert.Null(users.Take());
        Assert.Contains("none", users.Missing, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("0-5")]
    [InlineData("7-5")]
    [InlineData("a-b")]
    [InlineData("1-4294967295")]
    public void Range_that_is_none_is_refused_with_the_form(string range)
        => Assert.Contains("FIRST-LAST", Assert.Throws<IOException>(() => new WorkerUsers(range, "/bin/sh")).Message, StringComparison.Ordinal);

    [Fact]
    public void Program_that_only_some_may_run_is_told_with_the_cure_wherever_it_is()
    {
        string program = Path.Combine(_folder, "program");
        File.WriteAllText(program, "");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.True(FileOwner.CurrentUser != 0 || new WorkerUsers(WorkerUsers.Default, program).Missing!.Contains("chmod o+rx", StringComparison.Ordinal));
        // Its folder is this user's alone.
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Assert.Equal(new WorkerUsers(WorkerUsers.Default, "/bin/sh").Missing, new WorkerUsers(WorkerUsers.Default, program).Missing);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
