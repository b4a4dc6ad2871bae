using System.Globalization;
using System.Text;
using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>What an adapter's cable leads to.</summary>
public enum LinkKind
{
    /// <summary>A TAP interface.</summary>
    Tap,

    /// <summary>A Linux bridge or Open vSwitch, by a TAP that is made for it.</summary>
    Bridge,

    /// <summary>The host's own connections, by passt.</summary>
    User,

    /// <summary>A back-end in another process, over vhost-user.</summary>
    VhostUser,
}

/// <summary>An adapter as the operator describes it: <c>tap=NAME|bridge=NAME|user|vhost-user=PATH[,mac=MAC][,bus=vmbus|virtio][,queues=N][,id=ID]</c>.</summary>
/// <param name="Kind">What the cable leads to.</param>
/// <param name="Target">Name of the interface or bridge, path of the back-end's socket; empty for <see cref="LinkKind.User"/>.</param>
public sealed record NicOptions(LinkKind Kind, string Target)
{
    /// <summary>Most queues of one adapter: more than guests open channels.</summary>
    public const int MaximumQueues = 64;

    private const int MaximumIdCharacters = 32;
    private const string Form = "write tap=NAME, bridge=NAME, user or vhost-user=PATH, then [,mac=MAC][,bus=vmbus|virtio][,queues=N][,id=ID]";
    private const string Keys = "known are mac, bus, queues, id";

    /// <summary>The adapter's address; null when none was given.</summary>
    public MacAddress? Address { get; init; }

    /// <summary>Whether the guest is to reach it as a virtio device, and not by the VMBus.</summary>
    public bool IsVirtio { get; init; }

    /// <summary>Most queues to use; null for as many as the link and the guest have.</summary>
    public int? Queues { get; init; }

    /// <summary>Its name in the partition, 1 to 32 printable ASCII characters without spaces; null when none was given.</summary>
    public string? Id { get; init; }

    /// <summary>The link as the operator wrote it.</summary>
    public string Name => Kind switch
    {
        LinkKind.Tap => $"tap={Target}",
        LinkKind.Bridge => $"bridge={Target}",
        LinkKind.User => "user",
        LinkKind.VhostUser => $"vhost-user={Target}",
    };

    /// <summary>Reads the command line form.</summary>
    /// <param name="text">The text.</param>
    /// <param name="other">Takes the options that are not an adapter's own: key and value, null without one. False for unknown.</param>
    /// <exception cref="LinkException">An option is unknown or has a bad value.</exception>
    public static NicOptions Parse(string text, Func<string, string?, bool>? other = null)
    {
        string[] parts = text.Split(',');
        NicOptions options = ParseLink(text, parts[0]);
        foreach (string part in parts.Skip(1))
        {
            (string key, string? value) = Cut(part);
            options = options.With(text, key, value) ?? (other?.Invoke(key, value) == true
                ? options
                : throw Bad(text, $"has the unknown option '{key}'; {Keys}"));
        }

        return options;
    }

    private static NicOptions ParseLink(string text, string part)
    {
        (string key, string? value) = Cut(part);
        return key switch
        {
            "tap" => new NicOptions(LinkKind.Tap, InterfaceName(text, value)),
            "bridge" => new NicOptions(LinkKind.Bridge, InterfaceName(text, value)),
            "user" when value is null => new NicOptions(LinkKind.User, string.Empty),
            "vhost-user" => new NicOptions(LinkKind.VhostUser, string.IsNullOrEmpty(value) ? throw Bad(text, $"names no socket: {Form}") : value),
            _ => throw Bad(text, $"does not begin with a link: {Form}"),
        };
    }

    private static string InterfaceName(string text, string? name)
    {
        const int MaximumBytes = 15;
        if (string.IsNullOrEmpty(name)) throw Bad(text, $"names no interface: {Form}");
        // The kernel's rule for names; a percent sign would have it choose one itself.
        bool valid = Encoding.UTF8.GetByteCount(name) <= MaximumBytes && name is not ("." or "..") && !name.StartsWith('-')
            && !name.Any(c => c is '/' or ':' or '%' || char.IsWhiteSpace(c) || char.IsControl(c));
        return valid ? name : throw Bad(text, "names an interface that cannot exist; a name has 1 to 15 characters and no '/', ':', '%' or space");
    }

    private static (string Key, string? Value) Cut(string part)
    {
        int equals = part.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (part, null) : (part[..equals], part[(equals + 1)..]);
    }

    private static LinkException Bad(string text, string problem) => new(LinkProblem.BadOption, $"Network adapter '{text}' {problem}.");

    private NicOptions? With(string text, string key, string? value) => key switch
    {
        "mac" => this with { Address = ParseAddress(text, value) },
        "bus" => value switch
        {
            "vmbus" => this with { IsVirtio = false },
            "virtio" => this with { IsVirtio = true },
            _ => throw Bad(text, $"has bus={value}; known are vmbus, virtio"),
        },
        "queues" => this with
        {
            Queues = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int queues) && queues is >= 1 and <= MaximumQueues
                ? queues
                : throw Bad(text, $"has queues={value}; write a number from 1 to {MaximumQueues}"),
        },
        "id" => this with
        {
            Id = value is { Length: > 0 and <= MaximumIdCharacters } && value.All(static c => c is > ' ' and <= '~')
                ? value
                : throw Bad(text, $"has id={value}; an id is 1 to {MaximumIdCharacters} printable ASCII characters without spaces"),
        },
        _ => null,
    };

    private static MacAddress ParseAddress(string text, string? value)
    {
        if (!MacAddress.TryParse(value ?? string.Empty, out MacAddress address))
            throw Bad(text, $"has mac={value}; write six bytes such as 52:54:00:12:34:56");
        return address.IsUnicast ? address : throw Bad(text, $"has mac={value}, which is no adapter's address; its first byte must be even, and not all be zero");
    }
}
