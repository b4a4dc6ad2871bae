using System.Globalization;

namespace VmBus.Client.Sysfs;

/// <summary>The devices of the VMBus in sysfs.</summary>
/// <param name="root">The folder that is <c>/</c>.</param>
/// <remarks>Any thread. Nothing is kept: each call reads what there is then. Source: Linux Documentation/ABI/stable/sysfs-bus-vmbus.</remarks>
public sealed class VmbusTree(string root)
{
    private const string DevicesFolder = "sys/bus/vmbus/devices";

    /// <summary>Whether the kernel has a VMBus.</summary>
    public bool IsPresent => Directory.Exists(Path.Combine(root, DevicesFolder));

    /// <summary>All devices, by number.</summary>
    public IReadOnlyList<VmbusDevice> Read()
    {
        if (!IsPresent) return [];
        return [.. Directory.GetDirectories(Path.Combine(root, DevicesFolder)).Select(ReadDevice).OfType<VmbusDevice>().OrderBy(static device => device.Id)];
    }

    /// <summary>The devices that a person means.</summary>
    /// <param name="word">The number of one of its channels, the beginning of its instance or, of all of a kind, of its class's name; or a network interface.</param>
    public IReadOnlyList<VmbusDevice> Find(string word)
    {
        IReadOnlyList<VmbusDevice> devices = Read();
        if (uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) && devices.Where(device => device.Channels.Any(c => c.Id == id) || device.Id == id).ToArray() is { Length: > 0 } numbered)
            return numbered;
        string instance = word.Trim('{', '}');
        return [.. devices.Where(device => device.InstanceId.ToString().StartsWith(instance, StringComparison.OrdinalIgnoreCase)
            || device.ClassName.StartsWith(word, StringComparison.OrdinalIgnoreCase) || device.Interfaces.Contains(word, StringComparer.Ordinal))];
    }

    private static VmbusDevice? ReadDevice(string folder)
    {
        // A device that goes while it is read has no class any more.
        if (!Guid.TryParse(ReadText(folder, "class_id"), out Guid classId) || !Guid.TryParse(ReadText(folder, "device_id"), out Guid instance)) return null;
        if (ReadNumber(folder, "id") is not (>= 0 and <= uint.MaxValue and var id)) return null;
        string channels = Path.Combine(folder, "channels");
        string net = Path.Combine(folder, "net");
        return new VmbusDevice(
            (uint)id, classId, instance, Path.GetFileName(new FileInfo(Path.Combine(folder, "driver")).LinkTarget), ReadNumber(folder, "state"),
            Directory.Exists(net) ? [.. Directory.GetDirectories(net).Select(static name => Path.GetFileName(name)).Order(StringComparer.Ordinal)] : [],
            Directory.Exists(channels) ? [.. Directory.GetDirectories(channels).Select(ReadChannel).OfType<VmbusChannel>().OrderBy(static channel => channel.Id)] : []);
    }

    private static VmbusChannel? ReadChannel(string folder)
    {
        if (!uint.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out uint id)) return null;
        return new VmbusChannel(
            id, ReadNumber(folder, "subchannel_id"), ReadNumber(folder, "cpu"), ReadNumber(folder, "interrupts"), ReadNumber(folder, "events"), ReadNumber(folder, "pending"),
            ReadNumber(folder, "read_avail"), ReadNumber(folder, "write_avail"), ReadNumber(folder, "in_mask"), ReadNumber(folder, "out_mask"), ReadNumber(folder, "out_full_total"));
    }

    private static long? ReadNumber(string folder, string name)
        => long.TryParse(ReadText(folder, name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;

    private static string ReadText(string folder, string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, name)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not there in this kernel, or the channel is not open (EINVAL).
            return "";
        }
    }
}
