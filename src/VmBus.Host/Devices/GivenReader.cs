using System.Text;
using VmBus.Native.Linux;

namespace VmBus.Host.Devices;

/// <summary>Takes what is given from a connection. Source: protocol-spec/given.md#message.</summary>
/// <param name="connection">It belongs to the caller.</param>
internal sealed class GivenReader(DescriptorSocket connection)
{
    private readonly List<LinuxFile> _files = [];
    private readonly int[] _received = new int[DescriptorSocket.MaximumDescriptors];

    /// <summary>The next message. Waits for it.</summary>
    /// <returns>Null when the sender has ended the connection.</returns>
    /// <exception cref="IOException">The bytes are no message; the connection is of no use any more.</exception>
    public GivenItem? Read()
    {
        try
        {
            Span<byte> head = stackalloc byte[GivenHeader.Size];
            if (!TryFill(head, mayEnd: true)) return null;
            if (!GivenHeader.TryRead(head, out GivenHeader header)) throw Bad("its length is impossible");
            byte[] text = new byte[header.TextBytes];
            _ = TryFill(text, mayEnd: false);
            if (!Enum.IsDefined(header.Kind)) throw Bad($"kind {(int)header.Kind} is not known");
            if (_files.Count != header.DescriptorCount || _files.Count == 0) throw Bad($"{_files.Count} descriptors came with it, and it tells of {header.DescriptorCount}");
            int end = header.TextBytes - header.DetailBytes;
            var item = new GivenItem(header.Kind, Encoding.UTF8.GetString(text.AsSpan(0, end)), Encoding.UTF8.GetString(text.AsSpan(end)), [.. _files]);
            _files.Clear();
            return item;
        }
        finally
        {
            foreach (LinuxFile file in _files) file.Dispose();
            _files.Clear();
        }
    }

    private bool TryFill(Span<byte> target, bool mayEnd)
    {
        bool begun = false;
        while (target.Length > 0)
        {
            bool isFirst = mayEnd && !begun;
            int count = connection.Receive(target, _received, out int descriptors);
            for (int i = 0; i < descriptors; i++) _files.Add(new LinuxFile(_received[i]));
            // Beside every byte of a message there could be as many, and all are held until its end.
            if (descriptors > 0 && !isFirst) throw Bad("descriptors came with a later byte than its first");
            if (count < 0) throw new LinuxException("Receiving descriptors failed", -count);
            if (count == 0) return mayEnd && !begun ? false : throw Bad("the connection has ended within it");
            begun = true;
            target = target[count..];
        }

        return true;
    }

    private static IOException Bad(string problem) => new($"A message that gives descriptors makes no sense: {problem}. Use programs of the same release.");
}
