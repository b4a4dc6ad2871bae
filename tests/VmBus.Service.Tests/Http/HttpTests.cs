using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using VmBus.Service.Tests.Service;
using Xunit;

namespace VmBus.Service.Tests.Http;

/// <summary>The program vmbusd, asked by HTTP over its Unix socket and over TCP.</summary>
#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes it.
public sealed class HttpTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private const string Hostile = "<img src=x onerror=\"document.title='taken'\">";
    private readonly RunningService _service = new();
    private readonly int _port = FreePort();

    public async Task InitializeAsync()
    {
        await _service.StartAsync(("VMBUSD_Service__Http", $"unix,127.0.0.1:{_port}"));
        await _service.DefineAsync("web");
        await _service.DefineAsync("db");
        await _service.StartPartitionAsync("web");
    }

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task Metrics_and_health_and_what_the_page_shows_come_over_the_unix_socket()
    {
        using HttpClient http = OverUnix();
        Assert.Equal("ok\n", await http.GetStringAsync("/healthz", _service.Timely));
        using HttpResponseMessage metrics = await http.GetAsync("/metrics", _service.Timely);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", metrics.Content.Headers.ContentType!.ToString());
        string text = await metrics.Content.ReadAsStringAsync(_service.Timely);
        Assert.Contains("vmbus_partitions{state=\"off\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_channel_interrupts_total{partition=\"web\",channel=\"1\",device=\"scsi\",subchannel=\"0\"}", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_nic_up{partition=\"web\",nic=\"<img src=x onerror=\\\"document.title='taken'\\\">\"} 1\n", text, StringComparison.Ordinal);
        Assert.Matches("vmbus_worker_resident_memory_bytes\\{partition=\"web\"\\} [1-9]", text);
        using var state = JsonDocument.Parse(await http.GetStringAsync("/api/partitions", _service.Timely));
        JsonElement web = state.RootElement.GetProperty("partitions").EnumerateArray().Single(static one => one.GetProperty("status").GetProperty("name").GetString() == "web");
        Assert.Equal(4, web.GetProperty("report").GetProperty("channels").GetArrayLength());
        Assert.Equal(Hostile, web.GetProperty("nics")[0].GetProperty("id").GetString());
        Assert.Contains("debian login:", await http.GetStringAsync("/api/console?partition=web", _service.Timely), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await http.GetAsync("/api/console?partition=db", _service.Timely)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/console?partition=../db", _service.Timely)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/etc/passwd", _service.Timely)).StatusCode);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_service.State, "http.sock")));
    }

    [Fact]
    public async Task Answers_carry_what_keeps_a_page_from_others_and_refuse_what_is_not_reading()
    {
        using HttpClient http = OverTcp();
        using HttpResponseMessage page = await http.GetAsync("/", _service.Timely);
        Assert.StartsWith("default-src 'none'; script-src 'self'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.False(page.Headers.Contains("Access-Control-Allow-Origin"));
        string html = await page.Content.ReadAsStringAsync(_service.Timely);
        Assert.DoesNotContain("http:", html, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", html, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/dashboard.js", _service.Timely)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/dashboard.css", _service.Timely)).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await http.PostAsync("/api/partitions", null, _service.Timely)).StatusCode);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await StatusOfAsync(http, "/metrics", ("Host", "evil.example")));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync(http, "/api/partitions", ("Sec-Fetch-Site", "cross-site")));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync(http, "/api/partitions", ("Sec-Fetch-Site", "same-origin")));
    }

    [Fact]
    public async Task Consoles_are_not_for_every_user_of_the_host()
    {
        using HttpClient http = OverTcp();
        using HttpResponseMessage refused = await http.GetAsync("/api/console?partition=web", _service.Timely);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("Service:HttpConsole=true", await refused.Content.ReadAsStringAsync(_service.Timely), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Garbage_and_clients_that_say_nothing_do_not_keep_others_out()
    {
        List<TcpClient> silent = [];
        try
        {
            for (int i = 0; i < 20; i++)
            {
                var client = new TcpClient();
                silent.Add(client);
                await client.ConnectAsync(IPAddress.Loopback, _port, _service.Timely);
                if (i % 2 == 0) await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("\u0001\u0002\r\n\r\nGET"), _service.Timely);
            }

            using HttpClient http = OverTcp();
            Assert.Equal("ok\n", await http.GetStringAsync("/healthz", _service.Timely));
            Assert.Equal(HttpStatusCode.RequestUriTooLong, (await http.GetAsync("/" + new string('a', 5000), _service.Timely)).StatusCode);
        }
        finally
        {
            foreach (TcpClient client in silent) client.Dispose();
        }
    }

    [Fact]
    public async Task Worker_that_does_not_answer_holds_nobody_up_for_long()
    {
        await _service.DefineAsync("mute", "\"append\":\"mute\"");
        await _service.StartPartitionAsync("mute");
        using HttpClient http = OverUnix();
        string text = await http.GetStringAsync("/metrics", _service.Timely);
        Assert.Contains("vmbus_partition_answers{partition=\"mute\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("vmbus_partition_answers{partition=\"web\"} 1\n", text, StringComparison.Ordinal);
        Assert.Equal("ok\n", await http.GetStringAsync("/healthz", _service.Timely));
    }

    [Theory]
    [InlineData("0.0.0.0:9469", "Service:HttpRemote=true")]
    [InlineData("somewhere", "write unix, unix:/PATH, ADDRESS:PORT")]
    public async Task Service_does_not_start_where_the_setting_is_wrong_and_says_so_in_one_line(string setting, string cure)
    {
        await using var other = new RunningService();
        (int status, string errors) = await other.StartSecondAsync(("VMBUSD_Service__Http", setting));
        Assert.Equal(1, status);
        Assert.Contains(cure, errors, StringComparison.Ordinal);
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static async Task<HttpStatusCode> StatusOfAsync(HttpClient http, string path, (string Name, string Value) header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        using HttpResponseMessage response = await http.SendAsync(request);
        return response.StatusCode;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private HttpClient OverTcp() => new() { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };

    private HttpClient OverUnix()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_service.State, "http.sock")), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        return new HttpClient(handler) { BaseAddress = new Uri("http://localhost") };
    }
}
