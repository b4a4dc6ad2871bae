using System.Text;
using VmBus.Cli.Images;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>Images that the command line makes and changes, with the tools of the host.</summary>
public sealed class ImageCommandTests : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-image-").FullName;

    [Theory]
    [InlineData(DiskFormat.Raw)]
    [InlineData(DiskFormat.Qcow2)]
    [InlineData(DiskFormat.Vhdx)]
    [InlineData(DiskFormat.Vhd)]
    [InlineData(DiskFormat.Vmdk)]
    public void Image_keeps_its_content_through_another_format_and_a_larger_size(DiskFormat format)
    {
        byte[] content = new byte[3 * MiB];
        new Random(1).NextBytes(content.AsSpan(0, MiB));
        var raw = new DiskOptions(InFolder("a.img")) { Format = DiskFormat.Raw };
        File.WriteAllBytes(raw.Path, content);
        var image = new DiskOptions(InFolder("b")) { Format = format };
        Assert.True(ImageFile.Copy(raw, image));
        Assert.Equal(content.Length, ImageFile.SizeOf(image));
        Assert.True(ImageFile.Resize(image, 8 * MiB, shrink: false));
        Assert.Equal(8 * MiB, ImageFile.SizeOf(image));
        var back = new DiskOptions(InFolder("c.img")) { Format = DiskFormat.Raw };
        Assert.True(ImageFile.Copy(image, back));
        Assert.Equal(content, File.ReadAllBytes(back.Path)[..content.Length]);
        Assert.Equal(3, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public void Copy_that_fails_leaves_the_target_as_it_was()
    {
        File.WriteAllText(InFolder("target.vhdx"), "old");
        var broken = new DiskOptions(InFolder("broken.qcow2")) { Format = DiskFormat.Qcow2 };
        File.WriteAllBytes(broken.Path, new byte[MiB]);
        IOException refused = Assert.Throws<IOException>(() => ImageFile.Copy(broken, new DiskOptions(InFolder("target.vhdx")) { Format = DiskFormat.Vhdx }));
        Assert.Contains(broken.Path, refused.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(InFolder("target.vhdx")));
        Assert.Equal(2, Directory.GetFiles(_folder).Length);
    }

    [Fact]
    public void Cloud_seed_is_an_iso_with_the_label_and_files_that_cloud_init_looks_for()
    {
        File.WriteAllText(InFolder("user"), "#cloud-config\nhostname: from-user-data\n");
        string path;
        using (CloudSeed seed = CloudSeed.Make(InFolder("user"), null, "web-1")!)
        {
            path = seed.Disk.Path;
            string text = Encoding.Latin1.GetString(File.ReadAllBytes(path));
            Assert.Equal("cidata ", text.Substring(0x8028, 7));
            Assert.Contains("hostname: from-user-data\n", text, StringComparison.Ordinal);
            Assert.Contains("local-hostname: web-1\n", text, StringComparison.Ordinal);
            Assert.True(seed.Disk is { ReadOnly: true, Format: DiskFormat.Iso });
        }

        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    [Fact]
    public void Instance_changes_with_the_user_data_and_a_name_that_is_no_host_name_is_left_out()
    {
        string first = CloudSeed.DefaultMetaData("a"u8, "web");
        Assert.Equal(first, CloudSeed.DefaultMetaData("a"u8, "web"));
        Assert.NotEqual(first, CloudSeed.DefaultMetaData("b"u8, "web"));
        Assert.DoesNotContain("local-hostname", CloudSeed.DefaultMetaData("a"u8, "x\nuser: root"), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string InFolder(string name) => Path.Combine(_folder, name);
}
