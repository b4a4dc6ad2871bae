using System.Globalization;
using System.Net;

namespace VmBus.Service.Http;

/// <summary>A place where the service answers HTTP.</summary>
/// <param name="Path">The Unix socket; null for TCP.</param>
/// <param name="Address">Address and port; null for a Unix socket.</param>
internal sealed record HttpEndpoint(string? Path, IPEndPoint? Address)
{
    /// <summary>What stands for the socket in the state folder.</summary>
    public const string Default = "unix";

    /// <summary>What stands for no HTTP at all.</summary>
    public const string None = "none";

    private const string UnixPrefix = "unix:";

    /// <summary>Reads the setting <c>Service:Http</c>.</summary>
    /// <param name="setting">Places, separated by commas: <c>unix</c>, <c>unix:PATH</c>, <c>ADDRESS:PORT</c>; or <c>none</c>.</param>
    /// <param name="defaultPath">What <c>unix</c> stands for.</param>
    /// <param name="remote">Whether an address may be one that others than this host reach.</param>
    /// <exception cref="InvalidDataException">It says something else, or an address that may not be.</exception>
    public static IReadOnlyList<HttpEndpoint> Parse(string setting, string defaultPath, bool remote)
    {
        string[] places = setting.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return places is [None] or [] ? [] : [.. places.Select(place => ParseOne(place, defaultPath, remote))];
    }

    /// <summary>Where it is, for people.</summary>
    public override string ToString() => Path is not null ? UnixPrefix + Path : string.Create(CultureInfo.InvariantCulture, $"http://{Address}/");

    private static HttpEndpoint ParseOne(string place, string defaultPath, bool remote)
    {
        if (place == Default) return new HttpEndpoint(defaultPath, null);
        if (place.StartsWith(UnixPrefix + "/", StringComparison.Ordinal)) return new HttpEndpoint(place[UnixPrefix.Length..], null);
        string text = place.StartsWith("localhost:", StringComparison.Ordinal) ? $"{IPAddress.Loopback}{place["localhost".Length..]}" : place;
        if (text.LastIndexOf(':') < text.LastIndexOf(']') || !text.Contains(':', StringComparison.Ordinal) || !IPEndPoint.TryParse(text, out IPEndPoint? address) || address.Port == 0)
            throw new InvalidDataException($"Service:Http '{place}' is no place to listen: write unix, unix:/PATH, ADDRESS:PORT such as 127.0.0.1:9469, or none.");
        if (!remote && !IPAddress.IsLoopback(address.Address))
            throw new InvalidDataException($"Service:Http '{place}' is not a loopback address, and whoever reaches it could read all that is there: take 127.0.0.1:{address.Port}, or allow it by Service:HttpRemote=true.");
        return new HttpEndpoint(null, address);
    }
}
