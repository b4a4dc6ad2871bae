using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace VmBus.GuestTools.Bench;

/// <summary>What was measured over a link.</summary>
/// <param name="Link">What it went over.</param>
/// <param name="MedianMicroseconds">Half of the round trips of 64 bytes took less.</param>
/// <param name="RareMicroseconds">99 in 100 took less.</param>
/// <param name="SentPerSecond">MiB that the host took in a second; null where everything is answered.</param>
/// <param name="EchoedPerSecond">MiB that went there and came back in a second.</param>
internal sealed record BenchReport(string Link, double MedianMicroseconds, double RareMicroseconds, double? SentPerSecond, double EchoedPerSecond)
{
    private const double Mebibyte = 1 << 20;

    // More say nothing more, and take room.
    private const int MostRoundTrips = 1_000_000;

    /// <summary>Measures round trips, sending and echoing, each for <paramref name="duration"/>.</summary>
    /// <exception cref="ToolException">The host is gone.</exception>
    public static BenchReport Measure(IBenchLink link, TimeSpan duration)
    {
        var trips = new List<double>();
        // The first finds cold caches.
        link.RoundTrip();
        long started = Stopwatch.GetTimestamp();
        while (trips.Count < MostRoundTrips && Stopwatch.GetElapsedTime(started) < duration)
        {
            long sent = Stopwatch.GetTimestamp();
            link.RoundTrip();
            trips.Add(Stopwatch.GetElapsedTime(sent).TotalMicroseconds);
        }

        trips.Sort();
        long sending = Stopwatch.GetTimestamp();
        double? sentPerSecond = link.Send(duration) is { } bytes ? bytes / Mebibyte / Stopwatch.GetElapsedTime(sending).TotalSeconds : null;
        long echoing = Stopwatch.GetTimestamp();
        double echoed = link.Echo(duration) / Mebibyte / Stopwatch.GetElapsedTime(echoing).TotalSeconds;
        return new BenchReport(link.Name, trips[trips.Count / 2], trips[trips.Count * 99 / 100], sentPerSecond, echoed);
    }

    /// <summary>For a person.</summary>
    public string ToText() => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        over                    {Link}
        round trip of 64 bytes  {MedianMicroseconds:F1} µs median, {RareMicroseconds:F1} µs for 99 in 100
        to the host             {(SentPerSecond is { } sent ? $"{sent.ToString("F1", CultureInfo.InvariantCulture)} MiB/s" : "not measured: everything is answered")}
        there and back          {EchoedPerSecond:F1} MiB/s

        """);

    /// <summary>For a program.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("link", Link);
            writer.WriteNumber("roundTripMedianMicroseconds", MedianMicroseconds);
            writer.WriteNumber("roundTrip99Microseconds", RareMicroseconds);
            if (SentPerSecond is { } sent) writer.WriteNumber("sentMebibytesPerSecond", sent);
            writer.WriteNumber("echoedMebibytesPerSecond", EchoedPerSecond);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }
}
