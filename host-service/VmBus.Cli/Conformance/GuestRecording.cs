using VmBus.Protocol.Pcapng;
using VmBus.Protocol.Tracing;

namespace VmBus.Cli.Conformance;

/// <summary>The records of a trace, as they come or from a file.</summary>
internal sealed class GuestRecording
{
    private const int BufferBytes = 256 * 1024;

    // A guest that does more than this has done enough.
    private const long MostBytes = 512L << 20;

    private readonly List<TraceRecord> _records = [];
    private readonly byte[] _buffer = new byte[BufferBytes];
    private long _bytes;
    private int _held;

    /// <summary>The records.</summary>
    public IReadOnlyList<TraceRecord> Records => _records;

    /// <summary>Whether none were lost between them.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Reads a trace until it ends, or there is more of it than anybody needs.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public async Task ReadAsync(Stream trace)
    {
        while (_bytes < MostBytes)
        {
            int read;
            try
            {
                read = await trace.ReadAsync(_buffer.AsMemory(_held)).ConfigureAwait(false);
            }
            catch (IOException)
            {
                return;
            }

            if (read == 0) return;
            _held += read;
            _bytes += read;
            Take();
        }
    }

    private void Take()
    {
        int at = 0;
        while (_held - at >= PcapngReader.LeastBlockBytes)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(at, _held - at);
            if (!PcapngReader.TryReadHead(rest, BufferBytes, out _, out int bytes)) throw new IOException("This is no trace that 'vmbus trace' has made.");
            if (bytes > rest.Length) break;
            if (TraceRecord.Read(rest[..bytes]) is { } record)
            {
                _records.Add(record);
                if (record.Lost > 0) IsWhole = false;
            }

            at += bytes;
        }

        _buffer.AsSpan(at, _held - at).CopyTo(_buffer);
        _held -= at;
    }
}
