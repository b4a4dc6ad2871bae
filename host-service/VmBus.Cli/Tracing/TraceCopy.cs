using VmBus.Protocol.Pcapng;

namespace VmBus.Cli.Tracing;

/// <summary>Takes a trace as it comes, hands on whole blocks of it, and counts. A file that ends early ends with a whole block.</summary>
internal sealed class TraceCopy
{
    // More than one block can have.
    private const int BufferBytes = 256 * 1024;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _held;

    /// <summary>Records.</summary>
    public long Records { get; private set; }

    /// <summary>Bytes of the file.</summary>
    public long Bytes { get; private set; }

    /// <summary>Records that are not in the file; null when the trace was cut off before it could tell.</summary>
    public long? Lost { get; private set; }

    /// <summary>Copies all of it.</summary>
    /// <param name="trace">Where it comes from; when that breaks, the trace has ended.</param>
    /// <param name="output">Where it goes; gets all that has come before this waits for more.</param>
    /// <exception cref="IOException">What comes is no trace, or cannot be written.</exception>
    public async Task RunAsync(Stream trace, Stream output)
    {
        while (true)
        {
            int read;
            try
            {
                read = await trace.ReadAsync(_buffer.AsMemory(_held), CancellationToken.None).ConfigureAwait(false);
            }
            catch (IOException)
            {
                return;
            }

            if (read == 0) return;
            _held += read;
            int whole = CountBlocks();
            await output.WriteAsync(_buffer.AsMemory(0, whole), CancellationToken.None).ConfigureAwait(false);
            Bytes += whole;
            _buffer.AsSpan(whole, _held - whole).CopyTo(_buffer);
            _held -= whole;
        }
    }

    // The bytes of all whole blocks.
    private int CountBlocks()
    {
        int at = 0;
        while (_held - at >= PcapngReader.LeastBlockBytes)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(at, _held - at);
            if (!PcapngReader.TryReadHead(rest, BufferBytes, out uint type, out int bytes)) throw new IOException("What the partition sends is no trace: use a client of its release.");
            if (bytes > rest.Length) break;
            if (type == PcapngBlock.PacketType) Records++;
            else if (PcapngReader.TryReadLost(rest[..bytes], out ulong lost)) Lost = (long)lost;
            at += bytes;
        }

        return at;
    }
}
