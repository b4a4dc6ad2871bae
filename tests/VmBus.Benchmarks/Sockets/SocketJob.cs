using System.Globalization;

namespace VmBus.Benchmarks.Sockets;

/// <summary>One job of the program <c>streams</c> in the guest, over connections to the same program at the host.</summary>
/// <param name="Name">Row of the table.</param>
/// <param name="Streams">Connections at a time.</param>
/// <param name="ToHost">MiB from guest to host, of all streams together.</param>
/// <param name="ToGuest">MiB from host to guest.</param>
/// <param name="Trips">Messages of 64 bytes to the host and back, one at a time.</param>
/// <param name="BufferKilobytes">SO_SNDBUF and SO_RCVBUF of the guest's sockets, or 0 to leave them alone.</param>
internal sealed record SocketJob(string Name, int Streams, int ToHost, int ToGuest, int Trips, int BufferKilobytes = 0)
{
    // The kernel doubles it, and 256 KiB are the largest ring of hv_sock; virtio's transport has that much by itself.
    private const int LargeRing = 128;

    /// <summary>Does nothing but connect: what it costs is no job's own.</summary>
    internal static SocketJob Idle { get; } = new("idle", 1, 0, 0, 0);

    /// <summary>Unit of the value.</summary>
    internal string Unit => Trips > 0 ? "µs" : "MiB/s";

    /// <summary>What counts are divided by: MiB, or round trips.</summary>
    internal int Amount => Trips > 0 ? Trips : ToHost + ToGuest;

    /// <summary>Unit of counts.</summary>
    internal string PerAmount => Trips > 0 ? "per round trip" : "per MiB";

    /// <summary>The line for the guest's agent.</summary>
    internal string Command => string.Create(CultureInfo.InvariantCulture, $"{Streams} {ToHost} {ToGuest} {Trips} {BufferKilobytes}");

    /// <summary>The jobs of the measurement; a quick run does a quarter of the work.</summary>
    internal static SocketJob[] All(bool quick)
    {
        int share = quick ? 4 : 1;
        int megabytes = 256 / share;
        return
        [
            new("guest to host, 1 stream", 1, megabytes, 0, 0),
            new("guest to host, 4 streams", 4, megabytes, 0, 0),
            new("host to guest, 1 stream", 1, 0, megabytes, 0),
            new("host to guest, 4 streams", 4, 0, megabytes, 0),
            new("guest to host, 1 stream, SO_SNDBUF 256 KiB", 1, megabytes, 0, 0, LargeRing),
            new("host to guest, 1 stream, SO_RCVBUF 256 KiB", 1, 0, megabytes, 0, LargeRing),
            new("round trip of 64 bytes", 1, 0, 0, 4000 / share),
        ];
    }

    /// <summary>The row's value of a job that took so long.</summary>
    internal double Value(double microseconds) => Trips > 0 ? microseconds / Trips : Amount * 1e6 / microseconds;
}
