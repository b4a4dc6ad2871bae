using VmBus.Management.MessagePack;
using Xunit;

namespace VmBus.Management.Tests.MessagePack;

/// <summary>Both codecs read what the other has written, to the same values, and write the same bytes.</summary>
public sealed class PythonTests
{
    [Fact]
    public void Python_reads_what_is_written_here_and_writes_the_same_bytes()
    {
        var random = new Random(20_261_126);
        byte[][] packed = [.. Enumerable.Range(0, 300).Select(_ => RandomValues.Pack(random))];
        IReadOnlyList<(string Text, byte[] Packed)> read = PythonMessagePack.Run(PythonMessagePack.Unpack, packed);

        Assert.Equal(packed.Select(Read), read.Select(value => value.Text));
        Assert.Equal(packed, read.Select(value => value.Packed));
    }

    [Fact]
    public void What_python_writes_is_read_here()
    {
        IReadOnlyList<(string Text, byte[] Packed)> written = PythonMessagePack.Run(PythonMessagePack.Pack, []);

        Assert.Equal(400, written.Count);
        Assert.All(written, value => Assert.Equal(value.Text, Read(value.Packed)));
    }

    private static string Read(byte[] packed)
    {
        var reader = new MessagePackReader(packed);
        string text = CanonicalText.Read(ref reader);
        Assert.True(reader.End);
        return text;
    }
}
