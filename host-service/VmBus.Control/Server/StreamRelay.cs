namespace VmBus.Control.Server;

/// <summary>A connection that has become the guest's: bytes both ways, without frames, until either side ends.</summary>
/// <remarks>Each direction has one buffer, and waits for whom it writes to: neither side can make the other's bytes pile up here.</remarks>
internal static class StreamRelay
{
    private const int BufferBytes = 65536;

    /// <summary>Carries the bytes.</summary>
    /// <param name="client">To the client.</param>
    /// <param name="guest">To the guest.</param>
    /// <param name="gone">Ends everything.</param>
    /// <param name="serverStops">Ends what the client says; what the guest has said is sent first.</param>
    public static async Task RunAsync(Stream client, Stream guest, CancellationTokenSource gone, CancellationToken serverStops)
    {
        using var input = CancellationTokenSource.CreateLinkedTokenSource(serverStops, gone.Token);
        Task toGuest = CarryAsync(client, guest, input.Token);
        Task toClient = CarryAsync(guest, client, gone.Token);
        // The guest ends when the command has ended; a client that ends has no use for the rest.
        if (await Task.WhenAny(toGuest, toClient).ConfigureAwait(false) == toGuest && !serverStops.IsCancellationRequested)
            await gone.CancelAsync().ConfigureAwait(false);
        await toClient.ConfigureAwait(false);
        await input.CancelAsync().ConfigureAwait(false);
        await toGuest.ConfigureAwait(false);
    }

    private static async Task CarryAsync(Stream from, Stream to, CancellationToken cancellation)
    {
        try
        {
            await from.CopyToAsync(to, BufferBytes, cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // One of the two is gone, or the partition has ended.
        }
    }
}
