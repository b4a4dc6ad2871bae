using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using VmBus.Service.Hosting;

namespace VmBus.Service.Http;

/// <summary>Between Kestrel and the site: who may ask, how, and what every answer carries.</summary>
/// <param name="site">What is served.</param>
/// <param name="options">Which names this host goes by.</param>
/// <param name="logger">Where bugs are told.</param>
internal sealed class HttpApplication(HttpSite site, ServiceOptions options, ILogger logger) : IHttpApplication<HttpContext>
{
    // Scripts and styles of our own alone, nothing inline, nothing from elsewhere, in nobody's frame: what a guest has named cannot run even where it were written unescaped.
    private const string Policy
        = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <inheritdoc/>
    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    /// <inheritdoc/>
    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    /// <inheritdoc/>
    public async Task ProcessRequestAsync(HttpContext context)
    {
        HttpReply reply;
        try
        {
            reply = Refusal(context.Request) ?? await site.AnswerAsync(
                context.Request.Path.Value ?? "", context.Request.Query["partition"].ToString(), IsPrivate(context), context.RequestAborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }
#pragma warning disable CA1031 // A bug here is told, and the service goes on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            ServiceLog.TaskFailed(logger, exception);
            reply = HttpReply.Text(500, "This is a bug of the service, which is in its log.");
        }

        HttpResponse response = context.Response;
        response.StatusCode = reply.Status;
        IHeaderDictionary headers = response.Headers;
        headers.ContentType = reply.MediaType;
        headers.ContentLength = reply.Body.Length;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        if (reply.Status == StatusCodes.Status405MethodNotAllowed) headers.Allow = "GET, HEAD";
        if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(reply.Body, context.RequestAborted).ConfigureAwait(false);
    }

    private HttpReply? Refusal(HttpRequest request)
    {
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)) return HttpReply.Text(StatusCodes.Status405MethodNotAllowed, "There is only something to read: GET.");
        if (!HostName.IsKnown(request.Host.Host.Trim('[', ']'), options.HttpHosts)) return HttpReply.Text(421, "This host does not go by that name: use its address, localhost, or a name that Service:HttpHosts lists.");
        // Pages of others may link here, and do nothing else.
        bool isVisit = request.Path == "/" && request.Headers["Sec-Fetch-Mode"] == "navigate";
        return request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site" && !isVisit ? HttpReply.Text(StatusCodes.Status403Forbidden, "A page of another site may not read this.") : null;
    }

    private static bool IsPrivate(HttpContext context)
        => context.Features.Get<IConnectionSocketFeature>()?.Socket.AddressFamily == AddressFamily.Unix;
}
