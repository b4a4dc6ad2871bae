using System.Text.Json;
using VmBus.GuestTools.Bench;

namespace VmBus.GuestTools.Tests.Bench;

public sealed class BenchReportTests
{
    [Fact]
    public void Every_figure_is_in_the_text_and_in_the_json()
    {
        using var link = new ScriptedLink(sends: true);
        var report = BenchReport.Measure(link, TimeSpan.FromMilliseconds(20));
        Assert.True(report.MedianMicroseconds <= report.RareMicroseconds);
        Assert.True(report.SentPerSecond > report.EchoedPerSecond);
        Assert.Equal(4, report.ToText().TrimEnd().Split('\n').Length);
        Assert.Contains("over                    a script\n", report.ToText(), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(report.ToJson());
        Assert.Equal(report.EchoedPerSecond, json.RootElement.GetProperty("echoedMebibytesPerSecond").GetDouble());
        Assert.Equal("a script", json.RootElement.GetProperty("link").GetString());
    }

    [Fact]
    public void What_is_not_measured_is_said()
    {
        using var link = new ScriptedLink(sends: false);
        var report = BenchReport.Measure(link, TimeSpan.FromMilliseconds(1));
        Assert.Contains("to the host             not measured: everything is answered\n", report.ToText(), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(report.ToJson());
        Assert.False(json.RootElement.TryGetProperty("sentMebibytesPerSecond", out _));
    }

    [Fact]
    public void Host_without_the_device_is_told_with_what_to_do()
    {
        string message = Assert.Throws<ToolException>(ChannelLink.Open).Message;
        Assert.Equal("The host offers no echo device: start the partition with 'vmbus run --echo', or measure a Hyper-V socket with --socket PORT.", message);
    }

    private sealed class ScriptedLink(bool sends) : IBenchLink
    {
        public string Name => "a script";

        public void RoundTrip() => Thread.Yield();

        public long? Send(TimeSpan duration) => sends ? Take(duration, 1L << 40) : null;

        public long Echo(TimeSpan duration) => Take(duration, 1 << 20);

        public void Dispose()
        {
        }

        // A rate is of bytes over a time that has passed.
        private static long Take(TimeSpan duration, long bytes)
        {
            SpinWait.SpinUntil(static () => false, duration);
            return bytes;
        }
    }
}
