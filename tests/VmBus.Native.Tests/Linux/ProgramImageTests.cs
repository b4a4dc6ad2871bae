using VmBus.Native.Linux;
using Xunit;

namespace VmBus.Native.Tests.Linux;

public sealed class ProgramImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-program-").FullName;

    [Fact]
    public void Program_that_only_some_may_run_or_find_is_known()
    {
        string program = Path.Combine(_folder, "program"), link = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(program, "");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Assert.True(ProgramImage.IsForAll(program));
        Assert.False(ProgramImage.IsReachedByAll(program));
        File.CreateSymbolicLink(link, program);
        try
        {
            Assert.True(ProgramImage.IsForAll(link));
            Assert.False(ProgramImage.IsReachedByAll(link));
            File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | UnixFileMode.OtherExecute);
            Assert.True(ProgramImage.IsReachedByAll(link));
            Assert.True(ProgramImage.IsReachedByAll(program));
        }
        finally
        {
            File.Delete(link);
        }

        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.False(ProgramImage.IsForAll(program));
        Assert.False(ProgramImage.IsReachedByAll(program));
        Assert.False(ProgramImage.IsForAll("/none"));
        Assert.False(ProgramImage.IsReachedByAll("/none"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
