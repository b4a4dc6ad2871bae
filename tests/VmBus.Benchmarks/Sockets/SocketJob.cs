using System.Globalization;

namespace VmBus.Benchmarks.Sockets;

/// <summary>One job of the program <c>streams</c> at one end, over connections to the same program at the other.</summary>
/// <param name="Name">Row of the table.</param>
/// <param name="Streams">Connections at a time.</param>
/// <param name="ToHost">MiB from guest to host, of all streams together.</param>
/// <param name="ToGuest">MiB from host to guest.</param>
/// <param name="Trips">Messages of 64 bytes to the host and back, one at a time.</param>
/// <param name="HostConnects">
/// Whether the guest listens. Linux sizes the rings of such a connection by the buffers of the listener, 208 KiB unless set; those of a connection that
/// the guest makes have 24 KiB, whatever its program has set before.
/// </param>
internal sealed record SocketJob(string Name, int Streams, int ToHost, int ToGuest, int Trips, bool HostConnects = false)
{
    /// <summary>Does nothing but connect: what it costs is no job's own.</summary>
    internal SocketJob Idle => new("idle", 1, 0, 0, 0, HostConnects);

    /// <summary>Unit of the value.</summary>
    internal string Unit => Trips > 0 ? "µs" : "MiB/s";

    /// <summary>What counts are divided by: MiB, or round trips.</summary>
    internal int Amount => Trips > 0 ? Trips : ToHost + ToGuest;

    /// <summary>Unit of counts.</summary>
    internal string PerAmount => Trips > 0 ? "per round trip" : "per MiB";

    /// <summary>What <c>streams</c> is told where it connects.</summary>
    internal string Command => HostConnects
        ? string.Create(CultureInfo.InvariantCulture, $"{Streams} {ToGuest} {ToHost} {Trips}")
        : string.Create(CultureInfo.InvariantCulture, $"{Streams} {ToHost} {ToGuest} {Trips}");

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
            new("guest to host, 1 stream, host connects", 1, megabytes, 0, 0, HostConnects: true),
            new("host to guest, 1 stream, host connects", 1, 0, megabytes, 0, HostConnects: true),
            new("round trip of 64 bytes", 1, 0, 0, 4000 / share),
        ];
    }

    /// <summary>The row's value of a job that took so long.</summary>
    internal double Value(double microseconds) => Trips > 0 ? microseconds / Trips : Amount * 1e6 / microseconds;
}
