using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Storage.Tests.Disks;

/// <summary>The command line form of a disk.</summary>
public class DiskOptionsTests
{
    [Fact]
    public void Parse_of_a_bare_path_leaves_the_defaults() => Assert.Equal(new DiskOptions("a.raw"), DiskOptions.Parse("a.raw"));

    [Fact]
    public void Parse_reads_every_option() => Assert.Equal(
        new DiskOptions("a,b.vhdx")
        {
            Format = DiskFormat.Vhdx,
            ReadOnly = true,
            Cache = DiskCache.Direct,
            SectorBytes = 4096,
            Id = "data",
        },
        DiskOptions.Parse("a,,b.vhdx,format=vhdx,readonly,cache=direct,sector=4096,id=data"));

    [Fact]
    public void Parse_reads_a_disk_that_another_process_serves()
    {
        DiskOptions options = DiskOptions.Parse("vhost-user=/run/a,,b.sock,reconnect=2,readonly,id=data");
        Assert.Equal(
            new DiskOptions("/run/a,b.sock")
            {
                IsVhostUser = true,
                Format = DiskFormat.Raw,
                Reconnect = TimeSpan.FromSeconds(2),
                ReadOnly = true,
                Id = "data",
            },
            options);
        Assert.Equal("vhost-user=/run/a,b.sock", options.Name);
    }

    [Fact]
    public void Parse_hands_other_options_to_the_caller()
    {
        string? bus = null;
        DiskOptions options = DiskOptions.Parse("a,bus=virtio,readonly=off", (key, value) => key is "bus" && (bus = value) is not null);
        Assert.Equal("virtio", bus);
        Assert.Equal(new DiskOptions("a"), options);
    }

    [Theory]
    [InlineData("", "has no path")]
    [InlineData(",readonly", "has no path")]
    [InlineData("a,format=qed", "format=qed")]
    [InlineData("a,format", "known are raw")]
    [InlineData("a,readonly=maybe", "readonly=maybe")]
    [InlineData("a,cache=none", "cache=none")]
    [InlineData("a,sector=1024", "sector=1024")]
    [InlineData("a,id=", "an id is")]
    [InlineData("a,id=two words", "an id is")]
    [InlineData("a,speed=fast", "unknown option 'speed'")]
    [InlineData("a,reconnect=1", "unknown option 'reconnect'")]
    [InlineData("vhost-user=", "has no path")]
    [InlineData("vhost-user=a,format=raw", "unknown option 'format'; known are readonly, reconnect, id")]
    [InlineData("vhost-user=a,reconnect=0", "reconnect=0")]
    public void Parse_refuses_with_the_value(string text, string words)
    {
        DiskException refusal = Assert.Throws<DiskException>(() => DiskOptions.Parse(text));
        Assert.Equal(DiskProblem.BadOption, refusal.Problem);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }
}
