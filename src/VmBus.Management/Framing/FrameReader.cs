using System.Globalization;
using VmBus.Management.Messages;

namespace VmBus.Management.Framing;

/// <summary>Takes frames from a stream: never more bytes than the frame has, and never more memory than twice the bytes that came.</summary>
/// <param name="stream">Where they come from.</param>
/// <param name="maximumBytes">The largest message that is taken.</param>
/// <param name="completionLimit">How long a frame may take from its first byte to its last.</param>
public sealed class FrameReader(Stream stream, int maximumBytes, TimeSpan completionLimit)
{
    private const int FirstBytes = 4096;

    private readonly byte[] _header = new byte[FrameHeader.Size];

    /// <summary>The next message. Waits for its first byte as long as it takes.</summary>
    /// <returns>Null when the peer has ended the stream between two frames.</returns>
    /// <exception cref="ControlException">The frame is empty, too large, not whole, or does not come to its end in time.</exception>
    /// <exception cref="IOException">The stream is broken.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        if (await stream.ReadAsync(_header.AsMemory(0, 1), cancellation).ConfigureAwait(false) == 0) return null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(completionLimit);
        try
        {
            return await ReadRestAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ControlException(
                ControlErrorCode.TimedOut,
                string.Create(CultureInfo.InvariantCulture, $"A message was begun and not ended within {completionLimit.TotalSeconds} s: send it whole."));
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>?> ReadRestAsync(CancellationToken cancellation)
    {
        await FillAsync(_header.AsMemory(1), cancellation).ConfigureAwait(false);
        _ = FrameHeader.TryRead(_header, out FrameHeader header);
        if (header.MessageBytes == 0 || header.MessageBytes > maximumBytes)
        {
            throw new ControlException(
                ControlErrorCode.BadMessage,
                string.Create(CultureInfo.InvariantCulture, $"A message of {header.MessageBytes} bytes is not taken: 1 to {maximumBytes} are."));
        }

        int length = (int)header.MessageBytes;
        byte[] message = new byte[Math.Min(length, FirstBytes)];
        int filled = 0;
        while (true)
        {
            await FillAsync(message.AsMemory(filled), cancellation).ConfigureAwait(false);
            filled = message.Length;
            if (filled == length) return message;
            Array.Resize(ref message, Math.Min(length, filled * 2));
        }
    }

    private async ValueTask FillAsync(Memory<byte> target, CancellationToken cancellation)
    {
        while (target.Length > 0)
        {
            int count = await stream.ReadAsync(target, cancellation).ConfigureAwait(false);
            if (count == 0) throw new ControlException(ControlErrorCode.BadMessage, "The peer has ended the connection within a message.");
            target = target[count..];
        }
    }
}
