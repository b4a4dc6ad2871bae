using VmBus.Management.MessagePack;
using Xunit;

namespace VmBus.Management.Tests.MessagePack;

public sealed class MessagePackReaderTests
{
    private const int Rounds = 20_000;

    [Theory]
    [InlineData("dd ff ff ff ff")]
    [InlineData("df ff ff ff ff")]
    [InlineData("c6 ff ff ff ff 00")]
    [InlineData("db 7f ff ff ff 61")]
    [InlineData("c9 ff ff ff ff 01 00")]
    [InlineData("dd 00 ff ff ff c0 c0")]
    public void Length_that_nothing_is_behind_is_refused_and_allocates_nothing_by_it(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<MessagePackSerializationException>(() => Skip(bytes));
        Assert.Throws<MessagePackSerializationException>(() => Walk(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
    }

    [Fact]
    public void Million_arrays_in_each_other_are_passed_over_without_a_stack()
    {
        byte[] bytes = new byte[1 << 20];
        Array.Fill(bytes, (byte)0x91);
        bytes[^1] = 0x90;
        Skip(bytes);
        bytes[^1] = 0x91;
        Assert.Throws<MessagePackSerializationException>(() => Skip(bytes));
    }

    [Fact]
    public void Every_shorter_part_of_a_value_is_refused()
    {
        var random = new Random(3);
        for (int round = 0; round < 50; round++)
        {
            byte[] whole = RandomValues.Pack(random, 2);
            foreach (int length in Enumerable.Range(0, whole.Length).Where(length => length < 400 || length > whole.Length - 20))
                Assert.Throws<MessagePackSerializationException>(() => Skip(whole.AsSpan(0, length).ToArray()));
        }
    }

    [Fact]
    public void Bytes_that_are_anything_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(4);
        int read = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            read += TryWalk(bytes) ? 1 : 0;
        }

        Assert.InRange(read, 1, Rounds - 1);
    }

    [Fact]
    public void Values_with_changed_bytes_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(5);
        int read = 0;
        for (int round = 0; round < 3_000; round++)
        {
            byte[] bytes = RandomValues.Pack(random, 1);
            if (bytes.Length is 0 or > 10_000) continue;
            for (int change = random.Next(1, 4); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            read += TryWalk(bytes) ? 1 : 0;
        }

        Assert.InRange(read, 1, 2_999);
    }

    [Theory]
    [InlineData("a2 ff fe")]
    [InlineData("a3 ed a0 80")]
    [InlineData("a2 c0 80")]
    public void Text_that_is_no_utf8_is_refused(string hex)
        => Assert.Throws<MessagePackSerializationException>(() =>
        {
            var reader = new MessagePackReader(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
            _ = reader.ReadString();
        });

    [Theory]
    [InlineData("cf ff ff ff ff ff ff ff ff", null, ulong.MaxValue)]
    [InlineData("cf 7f ff ff ff ff ff ff ff", long.MaxValue, (ulong)long.MaxValue)]
    [InlineData("d3 80 00 00 00 00 00 00 00", long.MinValue, null)]
    [InlineData("d3 00 00 00 00 00 00 00 05", 5L, 5UL)]
    [InlineData("cd 00 05", 5L, 5UL)]
    [InlineData("ff", -1L, null)]
    public void Whole_number_is_read_in_any_width_where_it_fits(string hex, long? signed, ulong? unsigned)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(signed, Try(() =>
        {
            var reader = new MessagePackReader(bytes);
            return reader.ReadInt64();
        }));
        Assert.Equal(unsigned, Try(() =>
        {
            var reader = new MessagePackReader(bytes);
            return reader.ReadUInt64();
        }));
    }

    private static T? Try<T>(Func<T> read)
        where T : struct
    {
        try
        {
            return read();
        }
        catch (MessagePackSerializationException)
        {
            return null;
        }
    }

    private static bool TryWalk(byte[] bytes)
    {
        try
        {
            Walk(bytes);
            Skip(bytes);
            return true;
        }
        catch (MessagePackSerializationException)
        {
            return false;
        }
    }

    private static void Walk(byte[] bytes)
    {
        var reader = new MessagePackReader(bytes);
        while (!reader.End)
        {
            if (reader.NextMessagePackType == MessagePackType.Extension) reader.Skip();
            else _ = CanonicalText.Read(ref reader);
        }
    }

    private static void Skip(byte[] bytes)
    {
        var reader = new MessagePackReader(bytes);
        do reader.Skip();
        while (!reader.End);
    }
}
