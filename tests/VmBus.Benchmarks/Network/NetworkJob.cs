using System.Globalization;

namespace VmBus.Benchmarks.Network;

/// <summary>One measurement between the guest and its host.</summary>
/// <param name="Name">Row of the table.</param>
/// <param name="Unit">Unit of the row.</param>
/// <param name="Command">The line for the guest's agent.</param>
/// <param name="Value">The row's value from the numbers of the agent's answer.</param>
/// <param name="Megabytes">What a TCP job moves, for counts per MiB; 0 where a job has no fixed size.</param>
internal sealed record NetworkJob(string Name, string Unit, string Command, Func<double[], double> Value, int Megabytes = 0)
{
    /// <summary>The jobs of the measurement; a quick run does a quarter of the work.</summary>
    internal static NetworkJob[] All(bool quick)
    {
        int share = quick ? 4 : 1;
        return
        [
            Tcp("guest to host", 1, "", 256 / share),
            Tcp("guest to host", 4, "", 256 / share),
            Tcp("host to guest", 1, " -R", 256 / share),
            Tcp("host to guest", 4, " -R", 256 / share),
            Udp("guest to host", "", 4.0 / share),
            Udp("host to guest", " -R", 4.0 / share),
            new("ping round trip", "µs", string.Create(CultureInfo.InvariantCulture, $"ping -A -c {400 / share}"), answer => answer[0] * 1000),
        ];
    }

    // iperf3 counts the bytes of all streams together.
    private static NetworkJob Tcp(string direction, int streams, string option, int megabytes) => new(
        $"TCP {direction}, {streams} stream{(streams == 1 ? "" : "s")}",
        "Mbit/s",
        string.Create(CultureInfo.InvariantCulture, $"iperf3 -P {streams} -n {megabytes}M{option}"),
        answer => answer[0] / 1000,
        megabytes);

    // 64 bytes of payload, as fast as they go; what arrives counts.
    private static NetworkJob Udp(string direction, string option, double seconds) => new(
        $"UDP {direction}, 64 bytes",
        "packets/s",
        string.Create(CultureInfo.InvariantCulture, $"iperf3 -u -b 0 -l 64 -t {Math.Max(1, (int)seconds)}{option}"),
        answer => (answer[2] - answer[1]) / answer[3]);
}
