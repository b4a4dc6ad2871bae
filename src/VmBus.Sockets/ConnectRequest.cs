using System.Globalization;
using System.Text;
using VmBus.Protocol.Sockets;

namespace VmBus.Sockets;

/// <summary>The line by which a program of the host asks for a service of the guest: <c>CONNECT PORT</c>, or the service's id in place of the port.</summary>
/// <param name="Service">The service; of a port as <see cref="SocketInterface.FromPort"/> has it.</param>
/// <param name="ByPort">Whether the program named a port.</param>
/// <remarks>The convention of Firecracker and Cloud Hypervisor. Source: protocol-spec/sockets.md#host.</remarks>
public readonly record struct ConnectRequest(Guid Service, bool ByPort)
{
    /// <summary>Bytes of the longest line, with its end.</summary>
    public const int MaximumBytes = 64;

    private const string Verb = "CONNECT ";

    /// <summary>Reads a line without its end.</summary>
    public static bool TryParse(ReadOnlySpan<byte> line, out ConnectRequest request)
    {
        request = default;
        if (line.Length > MaximumBytes) return false;
        string text = Encoding.ASCII.GetString(line).TrimEnd('\r');
        if (!text.StartsWith(Verb, StringComparison.OrdinalIgnoreCase)) return false;
        string name = text[Verb.Length..].Trim();
        if (uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint port))
        {
            request = new ConnectRequest(SocketInterface.FromPort(port), ByPort: true);
            return true;
        }

        if (!Guid.TryParseExact(name, "D", out Guid service)) return false;
        request = new ConnectRequest(service, ByPort: false);
        return true;
    }

    /// <summary>What the program is told when the guest has taken the connection.</summary>
    /// <param name="endpoint">The host's end as the guest sees it.</param>
    public byte[] Answer(Guid endpoint) => Encoding.ASCII.GetBytes(
        ByPort ? string.Create(CultureInfo.InvariantCulture, $"OK {SocketInterface.Data1(endpoint)}\n") : $"OK {endpoint:D}\n");
}
