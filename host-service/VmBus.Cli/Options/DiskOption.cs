using VmBus.Host;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Options;

/// <summary>Reads what <c>--disk</c>, <c>disk add</c> and the monitor's <c>disk add</c> take.</summary>
internal static class DiskOption
{
    /// <summary>Parses <c>[vhost-user=]PATH[,KEY=VALUE]…</c> of a disk that a running guest is given.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static DiskOptions Parse(string text)
    {
        (DiskOptions options, DiskBus bus) = ParseWithBus(text);
        return bus == DiskBus.Vmbus
            ? options
            : throw new DiskException(DiskProblem.BadOption, $"Disk '{text}' has bus=virtio, and virtio devices are there from the start only: use bus=vmbus, or 'vmbus run --disk'.");
    }

    /// <summary>Parses <c>[vhost-user=]PATH[,KEY=VALUE]…</c> of a disk that a partition starts with.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static (DiskOptions Options, DiskBus Bus) ParseWithBus(string text)
    {
        DiskBus bus = DiskBus.Vmbus;
        DiskOptions options = DiskOptions.Parse(text, (key, value) =>
        {
            if (key != "bus") return false;
            bus = value switch
            {
                "vmbus" => DiskBus.Vmbus,
                "virtio" => DiskBus.Virtio,
                _ => throw new DiskException(DiskProblem.BadOption, $"Disk '{text}' has bus={value}; known are vmbus, virtio."),
            };
            return true;
        });
        return (options, bus);
    }

    /// <summary>Checks a disk that another process may open, and makes its path absolute: that process has another folder.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    public static string Complete(string text)
    {
        DiskOptions options = Parse(text);
        if (Path.IsPathRooted(options.Path)) return text;
        // What names another kind of medium stays in front of the path.
        int start = options.Name.Length - options.Path.Length;
        return $"{text[..start]}{Environment.CurrentDirectory.TrimEnd('/').Replace(",", ",,", StringComparison.Ordinal)}/{text[start..]}";
    }
}
