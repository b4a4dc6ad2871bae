using System.Text;
using VmBus.GuestTools.KeyValues;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Tests.KeyValues;

public sealed class KvpPoolFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private KvpPoolFile Pool => new(_folder["pools/.kvp_pool_0"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Items_are_added_replaced_in_place_and_removed_with_those_behind_moving_up()
    {
        foreach (string key in new[] { "a", "b", "c" }) Assert.Equal(PoolStatus.Done, Pool.Set(new(key, "1")));
        Assert.Equal(PoolStatus.Done, Pool.Set(new("b", "two words")));
        Assert.Equal(PoolStatus.Done, Pool.Remove("a"));
        Assert.Equal([new("b", "two words"), new("c", "1")], Pool.Read());
        Assert.Equal(2 * KvpPoolFile.RecordBytes, new FileInfo(Pool.Path).Length);
    }

    [Fact]
    public void Record_is_a_key_at_0_and_a_value_at_512_padded_with_zeros()
    {
        Pool.Set(new("Key", "Ünï"));
        byte[] bytes = File.ReadAllBytes(Pool.Path);
        Assert.Equal(2560, bytes.Length);
        Assert.Equal("Key", Encoding.UTF8.GetString(bytes, 0, 512).TrimEnd('\0'));
        Assert.Equal("Ünï", Encoding.UTF8.GetString(bytes, 512, 2048).TrimEnd('\0'));
    }

    [Fact]
    public void Pool_without_a_file_is_empty()
    {
        Assert.Empty(Pool.Read());
        Assert.Equal(PoolStatus.NoSuchKey, Pool.Remove("a"));
        Assert.False(File.Exists(Pool.Path));
    }

    [Theory]
    [InlineData("", "value")]
    [InlineData("nul\0", "value")]
    [InlineData("key", "nul\0")]
    public void Item_that_no_record_can_hold_is_refused(string key, string value)
        => Assert.Equal(PoolStatus.DoesNotFit, Pool.Set(new(key, value)));

    [Fact]
    public void Longest_item_fits_and_one_byte_more_does_not()
    {
        Assert.Equal(PoolStatus.Done, Pool.Set(new(new string('k', 511), new string('v', 2047))));
        Assert.Equal(PoolStatus.DoesNotFit, Pool.Set(new(new string('k', 512), "")));
        Assert.Equal(PoolStatus.DoesNotFit, Pool.Set(new("key", new string('v', 2048))));
        Assert.Equal(new string('v', 2047), Assert.Single(Pool.Read()).Value);
    }

    [Fact]
    public void Host_cannot_make_the_file_longer_than_its_bound()
    {
        Directory.CreateDirectory(_folder["pools"]);
        byte[] records = new byte[KvpPoolFile.MaximumItems * KvpPoolFile.RecordBytes];
        for (int i = 0; i < KvpPoolFile.MaximumItems; i++) Encoding.UTF8.GetBytes($"key{i}", records.AsSpan(i * KvpPoolFile.RecordBytes));
        File.WriteAllBytes(Pool.Path, records);
        Assert.Equal(PoolStatus.Full, Pool.Set(new("one more", "")));
        Assert.Equal(PoolStatus.Done, Pool.Set(new("key7", "there already")));
        Assert.Equal(records.Length, new FileInfo(Pool.Path).Length);
    }

    [Fact]
    public void Last_record_that_is_not_whole_is_none()
    {
        Pool.Set(new("a", "1"));
        File.AppendAllText(Pool.Path, "half");
        Assert.Single(Pool.Read());
        Assert.Equal(PoolStatus.Done, Pool.Set(new("b", "2")));
        Assert.Equal([new("a", "1"), new("b", "2")], Pool.Read());
    }

    [Fact]
    public void File_that_another_program_keeps_locked_is_left_alone_after_a_while()
    {
        Pool.Set(new("a", "1"));
        using (var other = File.OpenHandle(Pool.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            Assert.Equal(0, FileLock.TryTakeWhole(other));
            Assert.Equal(PoolStatus.Locked, Pool.Set(new("a", "2")));
        }

        Assert.Equal("1", Assert.Single(Pool.Read()).Value);
    }
}
