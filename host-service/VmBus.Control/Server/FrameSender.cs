namespace VmBus.Control.Server;

/// <summary>Sends frames to one client, one after the other. A client that does not read is given up.</summary>
/// <param name="stream">To the client.</param>
/// <param name="limit">How long the client may take to read a frame.</param>
/// <param name="gone">Cancelled when the client is given up, here or elsewhere.</param>
internal sealed class FrameSender(Stream stream, TimeSpan limit, CancellationTokenSource gone) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Sends a frame.</summary>
    /// <returns>False when the client is gone, or was given up: half a frame may have been sent, so nothing else is.</returns>
    public async Task<bool> TrySendAsync(ReadOnlyMemory<byte> frame)
    {
        try
        {
            await _turn.WaitAsync(gone.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        try
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(gone.Token);
            time.CancelAfter(limit);
            await stream.WriteAsync(frame, time.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            await gone.CancelAsync().ConfigureAwait(false);
            return false;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();
}
