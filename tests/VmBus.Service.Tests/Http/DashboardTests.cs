using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using VmBus.Service.Tests.Service;
using Xunit;

namespace VmBus.Service.Tests.Http;

/// <summary>The dashboard in a real browser, headless, with workers that have named things after markup.</summary>
public sealed class DashboardTests
{
    private const string Rates =
        "<td>scsi</td><td class=\"n\">0</td><td>lane 0</td><td class=\"n\">[0-9.]+ k</td><td class=\"n\">[0-9.]+ k</td><td class=\"n\">[0-9.]+ k</td><td class=\"n\">250 µs</td>";

    [Fact]
    public async Task Page_shows_partitions_devices_and_the_console_and_takes_a_guests_words_for_text()
    {
        await using var service = new RunningService();
        int port = FreePort();
        await service.StartAsync(("VMBUSD_Service__Http", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}")), ("VMBUSD_Service__HttpConsole", "true"));
        await service.DefineAsync("web");
        await service.DefineAsync("off");
        await service.StartPartitionAsync("web");
        string page = await RenderAsync(port, 6000, service.Timely);
        Assert.Contains("<title>VmBus</title>", page, StringComparison.Ordinal);
        Assert.Contains("1 of 2 partitions run", page, StringComparison.Ordinal);
        Assert.Contains("web · running · VMBus 5.3", page, StringComparison.Ordinal);
        Assert.Contains(">/images/&lt;img src=x", page, StringComparison.Ordinal);
        Assert.Contains("debian login: &lt;img src=x", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        // Rates need a second answer. The browser's time passes as fast as it gets answers, and for a quarter of a second of real time they are one and the same.
        for (int budget = 12_000; budget < 400_000 && !Regex.IsMatch(page, Rates); budget *= 2) page = await RenderAsync(port, budget, service.Timely);
        Assert.Matches(Rates, page);
        Assert.Matches("<td>attached</td><td class=\"n\">[0-9.]+</td><td class=\"n\">2.00 ms</td>", page);
    }

    private static async Task<string> RenderAsync(int port, int milliseconds, CancellationToken cancellation)
    {
        string profile = Directory.CreateTempSubdirectory("vmbus-browser-").FullName;
        var start = new ProcessStartInfo("chromium") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        string[] words =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", $"--user-data-dir={profile}",
            string.Create(CultureInfo.InvariantCulture, $"--virtual-time-budget={milliseconds}"), "--dump-dom", $"http://127.0.0.1:{port}/",
        ];
        foreach (string word in words) start.ArgumentList.Add(word);
        using Process browser = Process.Start(start)!;
        try
        {
            Task<string> errors = browser.StandardError.ReadToEndAsync(cancellation);
            string page = await browser.StandardOutput.ReadToEndAsync(cancellation);
            await browser.WaitForExitAsync(cancellation);
            Assert.True(browser.ExitCode == 0 && page.Length > 0, await errors);
            return page;
        }
        finally
        {
            if (!browser.HasExited) browser.Kill(entireProcessTree: true);
            await browser.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(profile, recursive: true);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
