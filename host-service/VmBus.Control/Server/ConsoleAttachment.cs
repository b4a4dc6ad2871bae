using VmBus.Host.Consoles;

namespace VmBus.Control.Server;

/// <summary>A connection that has become the console's: its bytes, both ways, without frames.</summary>
/// <remarks>
/// A client that reads slowly costs nothing: it misses what the console no longer keeps. A client that types faster than the guest reads waits.
/// Source: protocol-spec/control.md#console.
/// </remarks>
internal static class ConsoleAttachment
{
    private const int BufferBytes = 4096;

    /// <summary>Carries the bytes until the client ends its side, or the console has ended and everything was sent.</summary>
    /// <param name="stream">To the client.</param>
    /// <param name="console">The console.</param>
    /// <param name="position">Where its output begins.</param>
    /// <param name="gone">Ends everything.</param>
    /// <param name="serverStops">Ends the typing.</param>
    public static async Task RunAsync(Stream stream, SharedConsole console, long position, CancellationTokenSource gone, CancellationToken serverStops)
    {
        Task output = SendAsync(stream, console, position, gone.Token);
        using var typing = CancellationTokenSource.CreateLinkedTokenSource(serverStops, gone.Token);
        Task input = ReceiveAsync(stream, console, typing.Token);
        await Task.WhenAny(output, input).ConfigureAwait(false);
        // The guest's last words are for a client that is there: when the server goes, they are sent first.
        if (!serverStops.IsCancellationRequested) await gone.CancelAsync().ConfigureAwait(false);
        await output.ConfigureAwait(false);
        await typing.CancelAsync().ConfigureAwait(false);
        await input.ConfigureAwait(false);
    }

    private static async Task SendAsync(Stream stream, SharedConsole console, long position, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                (int count, position) = await console.ReadAsync(position, buffer, cancellation).ConfigureAwait(false);
                if (count == 0) return;
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellation).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client is gone.
        }
    }

    private static async Task ReceiveAsync(Stream stream, SharedConsole console, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                int count = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false);
                if (count == 0) return;
                await console.TypeAsync(buffer.AsSpan(0, count).ToArray(), cancellation).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client is gone, or the partition has ended.
        }
    }
}
