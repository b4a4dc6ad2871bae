using System.Globalization;
using VmBus.Host;
using VmBus.Protocol.Virtio;

namespace VmBus.Cli.Options;

/// <summary><c>--vsock</c>: where programs of the host and of the guest meet.</summary>
internal static class SocketOption
{
    /// <summary>Reads <c>PATH[,bus=vmbus|virtio][,cid=N]</c>.</summary>
    /// <exception cref="UsageException">An option is unknown or has a bad value.</exception>
    public static SocketOptions Parse(string text)
    {
        string[] parts = text.Split(',');
        if (parts[0].Length == 0) throw new UsageException($"--vsock '{text}' has no path: write PATH[,bus=vmbus|virtio][,cid=N].");
        var options = new SocketOptions(parts[0]);
        bool hasCid = false;
        foreach (string part in parts.Skip(1))
        {
            string[] pair = part.Split('=', 2);
            options = (pair[0], pair.Length == 2 ? pair[1] : null) switch
            {
                ("bus", "vmbus") => options with { IsVirtio = false },
                ("bus", "virtio") => options with { IsVirtio = true },
                ("bus", var value) => throw new UsageException($"--vsock '{text}' has bus={value}; known are vmbus, virtio."),
                ("cid", { } value) => options with { Cid = ParseCid("--vsock cid", value) },
                _ => throw new UsageException($"--vsock '{text}' has the unknown option '{pair[0]}'; known are bus, cid."),
            };
            hasCid |= pair[0] == "cid";
        }

        return hasCid && !options.IsVirtio ? throw new UsageException($"--vsock '{text}': cid is of bus=virtio; guests on the VMBus have no number.") : options;
    }

    /// <summary>Reads a guest's context id.</summary>
    /// <param name="option">What it is given by, for the message.</param>
    /// <param name="text">The number.</param>
    /// <exception cref="UsageException">It is none.</exception>
    public static ulong ParseCid(string option, string text)
        => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong cid) && cid is >= VsockHeader.LeastGuestCid and <= VsockHeader.GreatestGuestCid
            ? cid
            : throw new UsageException($"{option} '{text}': must be {VsockHeader.LeastGuestCid} to {VsockHeader.GreatestGuestCid}.");
}
