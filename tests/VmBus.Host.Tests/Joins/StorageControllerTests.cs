using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Host.Joins;
using VmBus.Storage.Disks;
using Xunit;

namespace VmBus.Host.Tests.Joins;

/// <summary>Disks come, grow and go on a controller that no guest has open; what cannot be done says in one line why and what to do.</summary>
public sealed class StorageControllerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-controller-").FullName;
    private readonly StorageController _controller = new("test", processorCount: 1, NullLogger.Instance);

    [Fact]
    public void Disks_get_the_next_numbers_and_the_names_given()
    {
        Add("a");
        DiskInfo named = Add("b", "data");
        Assert.Equal(new DiskInfo("data", 1, PathOf("b"), DiskFormat.Raw, false, DiskState.Attached, 1 << 20), named);
        Assert.Equal(["lun0", "data"], _controller.Disks.Select(disk => disk.Id));
    }

    [Fact]
    public async Task Removed_disk_is_closed_and_its_name_and_image_may_be_used_again()
    {
        Add("a", "data");
        AssertRefused(() => Add("a", "other"), "a", "in use");
        await _controller.RemoveAsync("data");
        Assert.Empty(_controller.Disks);
        DiskInfo again = Add("a", "data");
        Assert.Equal(("data", 1), (again.Id, again.Lun));
    }

    [Fact]
    public async Task Number_that_became_free_is_the_last_to_be_used_again()
    {
        for (int i = 0; i < StorageController.MaximumDisks - 1; i++) Add($"disk{i}");
        await _controller.RemoveAsync("lun5");
        await _controller.RemoveAsync("lun2");
        Assert.Equal([63, 5, 2], new[] { Add("x"), Add("y"), Add("z") }.Select(disk => disk.Lun));
        AssertRefused(() => Add("more"), "more", "64 disks");
    }

    [Fact]
    public void Names_are_unique()
    {
        Add("a", "data");
        AssertRefused(() => Add("b", "data"), "'data'", ",id=");
        Add("b", "lun2");
        AssertRefused(() => Add("c"), "'lun2'", ",id=");
    }

    [Fact]
    public void Disk_that_cannot_be_opened_leaves_nothing_behind()
    {
        Assert.Throws<DiskException>(() => _controller.Add(new DiskOptions(PathOf("missing"))));
        Assert.Empty(_controller.Disks);
        Add("a");
        Assert.Throws<DiskException>(() => Add("a"));
        Assert.Equal("lun1", Add("b").Id);
    }

    [Fact]
    public void Resize_grows_the_file_or_finds_it_grown_and_never_shrinks_it()
    {
        Add("a");
        Assert.Equal(2 << 20, _controller.Resize("lun0", 2 << 20).Bytes);
        Assert.Equal(2 << 20, new FileInfo(PathOf("a")).Length);
        Assert.Equal(2 << 20, _controller.Resize("lun0", null).Bytes);
        using (FileStream file = new(PathOf("a"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite)) file.SetLength(4 << 20);
        AssertRefused(() => _controller.Resize("lun0", 3 << 20), "3145728", "only grow");
        AssertRefused(() => _controller.Resize("lun0", (8 << 20) + 1), "8388609", "sectors");
        AssertRefused(() => _controller.Resize("lun0", long.MaxValue / 512 * 512), "/a", "give a size");
        Assert.Equal(4 << 20, new FileInfo(PathOf("a")).Length);
        Assert.Equal(4 << 20, _controller.Resize("lun0", null).Bytes);
    }

    [Fact]
    public void Read_only_file_is_grown_by_others_only()
    {
        Make("a");
        _controller.Add(new DiskOptions(PathOf("a")) { ReadOnly = true });
        AssertRefused(() => _controller.Resize("lun0", 2 << 20), "/a", "read-only");
        using (FileStream file = new(PathOf("a"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite)) file.SetLength(2 << 20);
        Assert.Equal(2 << 20, _controller.Resize("lun0", null).Bytes);
    }

    [Fact]
    public void Unknown_disk_is_told_with_the_known_ones()
    {
        AssertRefused(() => _controller.Resize("x", null), "'x'", "there is none");
        Add("a");
        Add("b", "data");
        AssertRefused(() => _ = _controller.RemoveAsync("x"), "'x'", "lun0, data");
    }

    [Fact]
    public void Disk_is_refused_after_the_end()
    {
        _controller.Dispose();
        AssertRefused(() => Add("a"), "ended", "ended");
    }

    public void Dispose()
    {
        _controller.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static void AssertRefused(Action action, string value, string cure)
    {
        IOException refusal = Assert.ThrowsAny<IOException>(action);
        Assert.Contains(value, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(cure, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private void Make(string name)
    {
        if (File.Exists(PathOf(name))) return;
        using FileStream file = File.Create(PathOf(name));
        file.SetLength(1 << 20);
    }

    private DiskInfo Add(string name, string? id = null)
    {
        Make(name);
        return _controller.Add(new DiskOptions(PathOf(name)) { Id = id });
    }
}
