using System.Net;

namespace VmBus.Service.Http;

/// <summary>Which names a request may have been sent to.</summary>
/// <remarks>
/// A page of somebody else's can have its own name resolved to this host's address (DNS rebinding), and would then be of the same origin as what is served here. An address, and a
/// name that no name server is asked for, cannot be its own.
/// </remarks>
internal static class HostName
{
    /// <summary>Whether a request with this <c>Host</c> header is answered.</summary>
    /// <param name="host">Without the port.</param>
    /// <param name="known">Names that the operator has given beside.</param>
    public static bool IsKnown(string host, IEnumerable<string> known)
        => string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || IPAddress.TryParse(host, out _)
            || known.Contains(host, StringComparer.OrdinalIgnoreCase);
}
