using System.Buffers;
using VmBus.Management.MessagePack;

namespace VmBus.Management.Tests.MessagePack;

/// <summary>Writes values of every kind and width, the same for the same seed.</summary>
internal static class RandomValues
{
    private static readonly int[] Lengths = [0, 1, 15, 16, 31, 32, 33, 255, 256, 257, 65_535, 65_536];

    /// <summary>One value with what is in it.</summary>
    public static byte[] Pack(Random random, int depth = 3)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(output);
        Write(ref writer, random, depth);
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static void Write(ref MessagePackWriter writer, Random random, int depth)
    {
        switch (random.Next(depth == 0 ? 7 : 9))
        {
            case 0:
                writer.WriteNil();
                break;
            case 1:
                writer.Write(random.Next(2) == 0);
                break;
            case 2:
                // Around every power of two, where the width changes.
                writer.Write((1L << random.Next(63)) * (random.Next(2) == 0 ? 1 : -1) + random.Next(-2, 3));
                break;
            case 3:
                writer.Write(random.Next(8) == 0 ? ulong.MaxValue : (ulong)random.NextInt64());
                break;
            case 4:
                writer.Write(random.Next(3) == 0 ? double.NegativeInfinity : random.NextDouble() * random.NextInt64());
                break;
            case 5:
                writer.Write(string.Concat(Enumerable.Range(0, Lengths[random.Next(10)]).Select(_ => "aé€😀".EnumerateRunes().ElementAt(random.Next(4)).ToString())));
                break;
            case 6:
                byte[] bytes = new byte[Lengths[random.Next(Lengths.Length)]];
                random.NextBytes(bytes);
                writer.Write(bytes);
                break;
            case 7:
                int items = Lengths[random.Next(5)];
                writer.WriteArrayHeader(items);
                for (int i = 0; i < items; i++) Write(ref writer, random, depth - 1);
                break;
            default:
                int keys = Lengths[random.Next(5)];
                writer.WriteMapHeader(keys);
                for (int i = 0; i < keys; i++)
                {
                    writer.Write($"key {i}");
                    Write(ref writer, random, depth - 1);
                }

                break;
        }
    }
}
