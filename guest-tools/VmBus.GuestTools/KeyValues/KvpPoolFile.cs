using Microsoft.Win32.SafeHandles;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.KeyValues;

/// <summary>The file of one pool, which other programs read and change too: records of 2560 bytes, key and value, under a lock of the whole file.</summary>
/// <param name="path">The file, such as <c>/var/lib/hyperv/.kvp_pool_0</c>; made when there is something to keep.</param>
/// <remarks>
/// Nothing of it is kept between calls. Calls throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> when the file system does not play along.
/// Source: protocol-spec/integration-data.md#pools.
/// </remarks>
internal sealed class KvpPoolFile(string path)
{
    /// <summary>Bytes of a record.</summary>
    public const int RecordBytes = KeyBytes + ValueBytes;

    /// <summary>Bytes of the field of the key, its NUL among them.</summary>
    public const int KeyBytes = 512;

    /// <summary>Bytes of the field of the value, its NUL among them.</summary>
    public const int ValueBytes = 2048;

    /// <summary>Most items: a host can make the file 2.5 MiB long and no longer. No known host writes more than a few dozen.</summary>
    public const int MaximumItems = 1024;

    // Any program that may read the file can keep it locked; the kernel gives the host an error of its own after 30 seconds.
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);

    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>Whether key and value fit their fields.</summary>
    public static bool Fits(KvpItem item) => item.Key.Length > 0 && FixedText.Fits(item.Key, KeyBytes) && FixedText.Fits(item.Value, ValueBytes);

    /// <summary>The items, in the order of the file. A file that is not there is empty.</summary>
    public IReadOnlyList<KvpItem> Read()
    {
        if (!File.Exists(Path)) return [];
        // Readers take no lock, so that those who may not write can read: a record is written by one call.
        using SafeFileHandle file = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Parse(ReadRecords(file));
    }

    /// <summary>Adds an item or replaces the one with its key.</summary>
    public PoolStatus Set(KvpItem item)
    {
        if (!Fits(item)) return PoolStatus.DoesNotFit;
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        return Change(FileMode.OpenOrCreate, (file, items) =>
        {
            int index = items.FindIndex(other => other.Key == item.Key);
            if (index < 0 && items.Count >= MaximumItems) return PoolStatus.Full;
            byte[] record = new byte[RecordBytes];
            FixedText.Write(record.AsSpan(0, KeyBytes), item.Key);
            FixedText.Write(record.AsSpan(KeyBytes), item.Value);
            RandomAccess.Write(file, record, (long)(index < 0 ? items.Count : index) * RecordBytes);
            return PoolStatus.Done;
        });
    }

    /// <summary>Removes the item with a key; those behind it move up.</summary>
    public PoolStatus Remove(string key)
    {
        if (!File.Exists(Path)) return PoolStatus.NoSuchKey;
        return Change(FileMode.Open, (file, items) =>
        {
            int index = items.FindIndex(other => other.Key == key);
            if (index < 0) return PoolStatus.NoSuchKey;
            byte[] records = ReadRecords(file);
            RandomAccess.Write(file, records.AsSpan((index + 1) * RecordBytes), (long)index * RecordBytes);
            RandomAccess.SetLength(file, records.Length - RecordBytes);
            return PoolStatus.Done;
        });
    }

    private static byte[] ReadRecords(SafeFileHandle file)
    {
        // A last record that is not whole is none, and no more is looked at than this program would write.
        long count = Math.Min(RandomAccess.GetLength(file) / RecordBytes, MaximumItems);
        byte[] records = new byte[count * RecordBytes];
        int done = 0;
        while (done < records.Length)
        {
            int read = RandomAccess.Read(file, records.AsSpan(done), done);
            if (read == 0) return records[..(done / RecordBytes * RecordBytes)];
            done += read;
        }

        return records;
    }

    private static List<KvpItem> Parse(byte[] records)
    {
        var items = new List<KvpItem>(records.Length / RecordBytes);
        for (int at = 0; at < records.Length; at += RecordBytes)
            items.Add(new KvpItem(FixedText.Read(records.AsSpan(at, KeyBytes)), FixedText.Read(records.AsSpan(at + KeyBytes, ValueBytes))));
        return items;
    }

    private PoolStatus Change(FileMode mode, Func<SafeFileHandle, List<KvpItem>, PoolStatus> change)
    {
        using SafeFileHandle file = File.OpenHandle(Path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        long end = Environment.TickCount64 + (long)LockLimit.TotalMilliseconds;
        while (FileLock.TryTakeWhole(file) < 0)
        {
            if (Environment.TickCount64 >= end) return PoolStatus.Locked;
            Thread.Sleep(10);
        }

        return change(file, Parse(ReadRecords(file)));
    }
}
