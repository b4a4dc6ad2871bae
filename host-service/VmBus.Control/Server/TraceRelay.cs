using VmBus.Bus.Tracing;

namespace VmBus.Control.Server;

/// <summary>A connection that has become a trace's: a pcapng file to the client, until it is whole.</summary>
/// <remarks>A client that reads slowly costs nothing but records, which are counted. Source: protocol-spec/control.md#trace.</remarks>
internal static class TraceRelay
{
    private const int IgnoredBytes = 64;

    /// <summary>Carries the file until the client has ended its side, the trace has ended by itself, or the partition has; then what is left of it.</summary>
    /// <param name="stream">To the client.</param>
    /// <param name="trace">The trace.</param>
    /// <param name="gone">Ends everything.</param>
    /// <param name="serverStops">Ends the trace.</param>
    public static async Task RunAsync(Stream stream, BusTrace trace, CancellationTokenSource gone, CancellationToken serverStops)
    {
        CancellationTokenRegistration ending = serverStops.Register(trace.Finish);
        using var listening = CancellationTokenSource.CreateLinkedTokenSource(gone.Token);
        Task client = WaitForEndAsync(stream, trace, listening.Token);
        try
        {
            while (await trace.ReadAsync(gone.Token).ConfigureAwait(false) is { Length: > 0 } bytes) await stream.WriteAsync(bytes, gone.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client is gone.
        }

        await listening.CancelAsync().ConfigureAwait(false);
        await client.ConfigureAwait(false);
        await ending.DisposeAsync().ConfigureAwait(false);
    }

    // What a client says meanwhile has no meaning.
    private static async Task WaitForEndAsync(Stream stream, BusTrace trace, CancellationToken cancellation)
    {
        byte[] ignored = new byte[IgnoredBytes];
        try
        {
            while (await stream.ReadAsync(ignored, cancellation).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client is gone, or has the whole file.
        }

        trace.Finish();
    }
}
