using System.Buffers;
using System.Text;
using System.Text.Json;
using VmBus.Management.Client;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Service.Hosting;
using VmBus.Service.Metrics;
using VmBus.Service.Partitions;

namespace VmBus.Service.Http;

/// <summary>What is served by HTTP: metrics, health, the dashboard and what it shows. All of it can only be read. Source: protocol-spec/service.md#http.</summary>
/// <param name="registry">The partitions.</param>
/// <param name="collector">Asks the workers.</param>
/// <param name="options">What may be seen from where.</param>
internal sealed class HttpSite(PartitionRegistry registry, SampleCollector collector, ServiceOptions options)
{
    private const int ConsoleBytes = 16 << 10;
    private const string Json = "application/json; charset=utf-8";
    private static readonly TimeSpan HealthLimit = TimeSpan.FromSeconds(2);

    private static readonly Dictionary<string, (string MediaType, ReadOnlyMemory<byte> Body)> Pages = new(StringComparer.Ordinal)
    {
        ["/"] = ("text/html; charset=utf-8", Resource("dashboard.html")),
        ["/dashboard.js"] = ("text/javascript; charset=utf-8", Resource("dashboard.js")),
        ["/dashboard.css"] = ("text/css; charset=utf-8", Resource("dashboard.css")),
    };

    /// <summary>Answers a request.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="partition">Its parameter <c>partition</c>.</param>
    /// <param name="isPrivate">Whether it came by a Unix socket, whose mode says who may.</param>
    /// <param name="cancellation">Ends the work.</param>
    public async Task<HttpReply> AnswerAsync(string path, string partition, bool isPrivate, CancellationToken cancellation)
    {
        if (Pages.TryGetValue(path, out (string MediaType, ReadOnlyMemory<byte> Body) page)) return new HttpReply(200, page.MediaType, page.Body);
        switch (path)
        {
            case "/metrics":
                return new HttpReply(200, PrometheusText.MediaType, Encoding.UTF8.GetBytes(PrometheusText.Of(await collector.CollectAsync(cancellation).ConfigureAwait(false))));
            case "/healthz":
                return await HealthAsync(cancellation).ConfigureAwait(false);
            case "/api/partitions":
                return new HttpReply(200, Json, Partitions(await collector.CollectAsync(cancellation).ConfigureAwait(false)));
            case "/api/console" when !isPrivate && !options.HttpConsole:
                return HttpReply.Text(403, "What guests show is not for every user of this host: use the Unix socket, or allow it by Service:HttpConsole=true.");
            case "/api/console":
                return await ConsoleAsync(partition, cancellation).ConfigureAwait(false);
            default:
                return HttpReply.Text(404, "There is /, /metrics, /healthz, /api/partitions and /api/console?partition=NAME.");
        }
    }

    // Through every partition's lock, as the watchdog does.
    private async Task<HttpReply> HealthAsync(CancellationToken cancellation)
    {
        try
        {
            await Task.Run(() => registry.All.Count(static partition => partition.IsActive), cancellation).WaitAsync(HealthLimit, cancellation).ConfigureAwait(false);
            return HttpReply.Text(200, "ok");
        }
        catch (TimeoutException)
        {
            return HttpReply.Text(503, "the service does not answer in time");
        }
    }

    private async Task<HttpReply> ConsoleAsync(string name, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(SampleCollector.AnswerLimit);
        try
        {
            PartitionStatus status = registry.Get(name).Describe();
            if (status.Control is null) return HttpReply.Text(409, $"{name} is {status.State}.");
            ControlClient worker = await ControlClient.ConnectAsync(status.Control, "vmbusd", limit.Token).ConfigureAwait(false);
            await using (worker.ConfigureAwait(false))
            {
                // What has been shown up to now, and no more: nothing is typed, and the connection ends.
                AttachReply attached = await worker.CallAsync(ControlProtocol.AttachConsole, new AttachRequest(ConsoleBytes), limit.Token).ConfigureAwait(false);
                byte[] shown = new byte[Math.Clamp(attached.Scrollback, 0, ConsoleBytes)];
                await worker.ReadConsoleAsync(shown, limit.Token).ConfigureAwait(false);
                return new HttpReply(200, "application/octet-stream", shown);
            }
        }
        catch (ControlException exception)
        {
            return HttpReply.Text(404, exception.Message);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return HttpReply.Text(503, $"The worker of {name} does not answer.");
        }
    }

    private static ReadOnlyMemory<byte> Partitions(ServiceSample sample)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            writer.WriteNumber("time_ms", sample.Time.ToUnixTimeMilliseconds());
            writer.WriteStartArray("partitions");
            foreach (PartitionSample partition in sample.Partitions)
            {
                writer.WriteStartObject();
                writer.WritePropertyName("status");
                ValueJson.Write(writer, partition.Status);
                writer.WritePropertyName("report");
                WriteOrNull(writer, partition.Report);
                writer.WritePropertyName("memory");
                WriteOrNull(writer, partition.Memory);
                WriteList(writer, "disks", partition.Disks);
                WriteList(writer, "nics", partition.Nics);
                if (partition.Worker is { } worker)
                {
                    writer.WriteStartObject("worker");
                    writer.WriteNumber("cpu_seconds", worker.CpuSeconds);
                    writer.WriteNumber("resident_bytes", worker.ResidentBytes);
                    writer.WriteEndObject();
                }

                writer.WriteString("failure", partition.Failure);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return text.WrittenMemory;
    }

    private static void WriteOrNull<T>(Utf8JsonWriter writer, T? value)
        where T : class, IControlValue<T>
    {
        if (value is null) writer.WriteNullValue();
        else ValueJson.Write(writer, value);
    }

    private static void WriteList<T>(Utf8JsonWriter writer, string name, IReadOnlyList<T> values)
        where T : IControlValue<T>
    {
        writer.WriteStartArray(name);
        foreach (T value in values) ValueJson.Write(writer, value);
        writer.WriteEndArray();
    }

    private static ReadOnlyMemory<byte> Resource(string name)
    {
        using Stream stream = typeof(HttpSite).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
