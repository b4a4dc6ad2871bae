using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using VmBus.Control.Server;
using VmBus.Service.Hosting;
using VmBus.Service.Metrics;
using VmBus.Service.Partitions;

namespace VmBus.Service.Http;

/// <summary>Serves HTTP where the configuration says so, as long as the service runs.</summary>
internal sealed class HttpService : IHostedService, IDisposable
{
    private const int MaximumConnections = 64;
    private const int MaximumLineBytes = 2048;
    private const int MaximumHeaderBytes = 16 << 10;
    private static readonly TimeSpan HeadersTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(2);

    private readonly ServiceOptions _options;
    private readonly HttpApplication _application;
    private readonly IReadOnlyList<HttpEndpoint> _endpoints;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly List<ControlSocket> _sockets = [];
    private KestrelServer? _server;

    /// <summary>Reads the configuration, and does nothing yet.</summary>
    /// <exception cref="InvalidDataException">It names no place to listen, or one that may not be.</exception>
    public HttpService(ServiceOptions options, PartitionRegistry registry, SampleCollector collector, ILoggerFactory loggers)
    {
        _options = options;
        _loggers = loggers;
        _logger = loggers.CreateLogger<HttpService>();
        _endpoints = HttpEndpoint.Parse(options.Http, options.HttpSocket, options.HttpRemote);
        _application = new HttpApplication(new HttpSite(registry, collector, options), options, _logger);
    }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_endpoints.Count == 0) return;
        var kestrel = new KestrelServerOptions { AddServerHeader = false };
        kestrel.Limits.MaxConcurrentConnections = MaximumConnections;
        kestrel.Limits.MaxRequestBodySize = 0;
        kestrel.Limits.MaxRequestLineSize = MaximumLineBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = MaximumHeaderBytes;
        kestrel.Limits.RequestHeadersTimeout = HeadersTime;
        kestrel.Limits.KeepAliveTimeout = IdleTime;
        foreach (HttpEndpoint endpoint in _endpoints)
        {
            if (endpoint.Address is { } address) kestrel.Listen(address, static options => options.Protocols = HttpProtocols.Http1);
            else kestrel.ListenUnixSocket(endpoint.Path!, static options => options.Protocols = HttpProtocols.Http1);
        }

        var transport = new SocketTransportOptions { CreateBoundListenSocket = Bind };
        _server = new KestrelServer(Options.Create(kestrel), new SocketTransportFactory(Options.Create(transport), _loggers), _loggers);
        try
        {
            await _server.StartAsync(_application, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new IOException($"Service:Http {_options.Http}: {exception.Message}", exception);
        }

        foreach (HttpEndpoint endpoint in _endpoints) ServiceLog.ServingHttp(_logger, endpoint.ToString());
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_server is not null) await _server.StopAsync(cancellationToken).ConfigureAwait(false);
        foreach (ControlSocket socket in _sockets) socket.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => _server?.Dispose();

    // A Unix socket is guarded as the control socket is, and replaced when a dead service has left it.
    private Socket Bind(EndPoint endpoint)
    {
        if (endpoint is not UnixDomainSocketEndPoint) return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        var socket = ControlSocket.Claim(new ControlSocketOptions(endpoint.ToString()!, _options.Group));
        _sockets.Add(socket);
        return socket.Listener;
    }
}
