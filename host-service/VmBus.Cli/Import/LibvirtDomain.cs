using System.Globalization;
using System.Xml.Linq;

namespace VmBus.Cli.Import;

/// <summary>A libvirt domain, as <c>virsh dumpxml</c> prints it. Source: libvirt.org/formatdomain.html.</summary>
internal static class LibvirtDomain
{
    private const string Virtio = "virtio";
    private const int MaximumInterfaceName = 15;

    // What is taken over elsewhere, or has no content of its own.
    private static readonly HashSet<string> Taken = new(StringComparer.Ordinal)
    {
        "name", "memory", "currentMemory", "maxMemory", "vcpu", "os", "devices", "on_poweroff", "on_reboot", "on_crash",
    };

    private static readonly string[] DiskExtras = ["iotune", "encryption", "shareable", "transient", "serial", "wwn", "blockio", "geometry", "auth"];
    private static readonly string[] NicExtras = ["bandwidth", "filterref", "virtualport", "vlan", "port", "tune", "mtu"];

    // Why an element has no counterpart, where there is more to say than that.
    private static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["uuid"] = "partitions are known by their names",
        ["cpu"] = "guests have the host's processor",
        ["features"] = "guests have what Hyper-V's have",
        ["clock"] = "guests have Hyper-V's clocks",
        ["emulator"] = "'vmbus run' is the machine monitor",
        ["memballoon"] = "memory goes by Hyper-V's dynamic memory: \"maxMemory\"",
        ["channel"] = "agents are reached by 'vmbus exec' and the integration services",
        ["vsock"] = "add \"vsock\": \"/PATH\"",
        ["graphics"] = "there is the serial console: console=ttyS0",
        ["video"] = "there is the serial console: console=ttyS0",
        ["seclabel"] = "the service has rules of its own for its workers",
        ["controller"] = "devices are on the VMBus",
        ["address"] = "devices are on the VMBus",
    };

    /// <summary>Reads one.</summary>
    public static ImportedPartition Read(XElement domain)
    {
        var partition = new ImportedPartition { Name = domain.Element("name")?.Value.Trim() ?? "" };
        ReadProcessors(domain, partition);
        ReadMemory(domain, partition);
        ReadBoot(domain.Element("os"), partition);
        partition.NoReboot = domain.Element("on_reboot")?.Value.Trim() == "destroy";
        if (domain.Element("on_crash")?.Value.Trim() == "restart") partition.Restart = "on-crash";
        foreach (XElement element in domain.Elements().Where(static one => !Taken.Contains(one.Name.LocalName))) LeaveOut(element, partition);
        foreach (XElement device in domain.Element("devices")?.Elements() ?? []) ReadDevice(device, partition);
        return partition;
    }

    private static void ReadProcessors(XElement domain, ImportedPartition partition)
    {
        XElement? vcpu = domain.Element("vcpu");
        if (!long.TryParse(vcpu?.Attribute("current")?.Value ?? vcpu?.Value.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long count)) return;
        partition.Processors = Math.Clamp(count, 1, ImportedPartition.MaximumProcessors);
        if (count > ImportedPartition.MaximumProcessors) partition.LeaveOut($"processors beyond {ImportedPartition.MaximumProcessors}", $"there were {count}");
        if (vcpu?.Attribute("cpuset") is { } set) partition.LeaveOut($"vcpu cpuset '{set.Value}'", "threads run where the host lets them");
    }

    // <memory> is what a domain may have, <currentMemory> what its balloon leaves it, <maxMemory> what can be plugged in.
    private static void ReadMemory(XElement domain, ImportedPartition partition)
    {
        long? all = Bytes(domain.Element("memory")), now = Bytes(domain.Element("currentMemory")) ?? all, plugged = Bytes(domain.Element("maxMemory"));
        partition.MemoryBytes = now;
        long? most = plugged ?? all;
        if (most > now) partition.MaximumMemoryBytes = most;
    }

    private static void ReadBoot(XElement? os, ImportedPartition partition)
    {
        partition.Kernel = Value(os?.Element("kernel"));
        partition.Initrd = Value(os?.Element("initrd"));
        partition.Append = Value(os?.Element("cmdline"));
        foreach (XElement element in os?.Elements() ?? [])
        {
            if (element.Name.LocalName is "loader" or "nvram" or "firmware" || (element.Name.LocalName == "type" && os?.Attribute("firmware") is not null))
                partition.LeaveOut($"os {element.Name.LocalName}", "there is no UEFI and no BIOS");
            else if (element.Name.LocalName is "dtb" or "acpi" or "smbios" or "bootmenu" or "bios")
                partition.LeaveOut($"os {element.Name.LocalName}", "there is nothing like it");
        }
    }

    private static void ReadDevice(XElement device, ImportedPartition partition)
    {
        switch (device.Name.LocalName)
        {
            case "disk":
                ReadDisk(device, partition);
                break;
            case "interface":
                ReadInterface(device, partition);
                break;
            case "serial" or "console":
                ReadConsole(device, partition);
                break;
            default:
                LeaveOut(device, partition);
                break;
        }
    }

    private static void ReadDisk(XElement disk, ImportedPartition partition)
    {
        string kind = (string?)disk.Attribute("device") ?? "disk", target = (string?)disk.Element("target")?.Attribute("dev") ?? "?";
        XElement? source = disk.Element("source");
        string? path = (string?)source?.Attribute("file") ?? (string?)source?.Attribute("dev");
        if (kind is not ("disk" or "cdrom" or "lun"))
        {
            partition.LeaveOut($"{kind} '{target}'", "there are only disks and CD-ROMs");
            return;
        }

        if (path is null)
        {
            partition.LeaveOut(
                $"{kind} '{target}'",
                source is null ? "it is empty" : $"its source is of the type '{(string?)disk.Attribute("type")}', and only files and block devices of this host are taken over");
            return;
        }

        string? type = (string?)disk.Element("driver")?.Attribute("type");
        string? format = type switch
        {
            "vpc" => "vhd",
            null or "raw" when kind == "cdrom" => "iso",
            "raw" or "qcow2" or "vhdx" or "vmdk" => type,
            _ => null,
        };
        if (type is not null && format is null)
        {
            partition.LeaveOut($"{kind} '{target}'", $"its format '{type}' is not known here: 'qemu-img convert -O qcow2' makes another");
            return;
        }

        string? cache = (string?)disk.Element("driver")?.Attribute("cache");
        bool isVirtio = (string?)disk.Element("target")?.Attribute("bus") == Virtio;
        partition.Disks.Add(new ImportedDisk(path)
        {
            Format = format,
            ReadOnly = kind == "cdrom" || disk.Element("readonly") is not null,
            Cache = cache is "none" or "directsync" ? "direct" : cache is null or "default" ? null : "writeback",
            Bus = isVirtio && kind == "disk" ? Virtio : null,
        });
        if (cache is not (null or "default" or "none" or "writeback")) partition.LeaveOut($"cache mode '{cache}' of '{target}'", "the nearest there is was taken");
        if (!isVirtio && kind == "disk") partition.LeaveOut($"bus '{(string?)disk.Element("target")?.Attribute("bus")}' of '{target}'", "the guest finds it on the VMBus, by hv_storvsc");
        foreach (string extra in DiskExtras.Where(extra => disk.Element(extra) is not null))
            partition.LeaveOut($"{extra} of '{target}'", "disks have no such setting");
    }

    private static void ReadInterface(XElement nic, ImportedPartition partition)
    {
        string kind = (string?)nic.Attribute("type") ?? "?";
        string? mac = (string?)nic.Element("mac")?.Attribute("address");
        string what = $"interface {kind}{(mac is null ? "" : $" {mac}")}";
        XElement? source = nic.Element("source");
        (string Kind, string? Link)? link = kind switch
        {
            "bridge" when (string?)source?.Attribute("bridge") is { } bridge => ("bridge", bridge),
            // What a running domain's description says of the network it is in.
            "network" when (string?)source?.Attribute("bridge") is { } bridge => ("bridge", bridge),
            "ethernet" when (string?)nic.Element("target")?.Attribute("dev") is { } tap => ("tap", tap),
            "user" => ("user", null),
            _ => null,
        };
        if (link is not { } found || found.Link?.Length > MaximumInterfaceName)
        {
            partition.LeaveOut(what, kind == "network"
                ? $"'virsh net-dumpxml {(string?)source?.Attribute("network")}' tells the bridge of that network: add {{\"bridge\": \"NAME\"}} to \"nics\""
                : "links are bridges, TAP interfaces, and the host's own connections (passt)");
            return;
        }

        bool isQueues = int.TryParse((string?)nic.Element("driver")?.Attribute("queues"), NumberStyles.None, CultureInfo.InvariantCulture, out int queues) && queues is > 0 and <= 64;
        partition.Nics.Add(new ImportedNic(found.Kind, found.Link)
        {
            Mac = mac,
            Bus = (string?)nic.Element("model")?.Attribute("type") == Virtio ? Virtio : null,
            Queues = isQueues ? queues : null,
        });
        foreach (string extra in NicExtras.Where(extra => nic.Element(extra) is not null))
            partition.LeaveOut($"{extra} of {what}", "set it at the bridge or the interface of the host");
    }

    private static void ReadConsole(XElement console, ImportedPartition partition)
    {
        string kind = (string?)console.Attribute("type") ?? "pty";
        string? path = (string?)console.Element("source")?.Attribute("path");
        string? found = kind switch
        {
            "pty" => "none",
            "file" when path is not null => $"file:{path}",
            "unix" when path is not null && (string?)console.Element("source")?.Attribute("mode") != "connect" => $"unix:{path}",
            _ => null,
        };
        // libvirt tells of the first serial port once more as a console.
        bool isFirst = console.Name.LocalName == "serial" && !console.ElementsBeforeSelf("serial").Any();
        bool isTwin = console.Name.LocalName == "console" && (string?)console.Element("target")?.Attribute("type") is null or "serial";
        if (isFirst && found is not null) partition.Console = found == "none" ? null : found;
        else if (!isTwin || isFirst) partition.LeaveOut($"{console.Name.LocalName} {kind}", "there is one serial console, which 'vmbus console' attaches to, and which may go to a file or a Unix socket");
    }

    private static void LeaveOut(XElement element, ImportedPartition partition)
    {
        string name = element.Name.LocalName;
        string? kind = (string?)element.Attribute("type") ?? (string?)element.Attribute("mode") ?? (string?)element.Attribute("model");
        partition.LeaveOut(kind is null ? name : $"{name} {kind}", Reasons.GetValueOrDefault(name, "there is nothing like it"));
    }

    private static string? Value(XElement? element) => element?.Value.Trim() is { Length: > 0 } text ? text : null;

    private static long? Bytes(XElement? element)
    {
        if (!long.TryParse(element?.Value.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long value)) return null;
        long unit = ((string?)element!.Attribute("unit") ?? "KiB") switch
        {
            "b" or "bytes" => 1,
            "KB" => 1000,
            "k" or "KiB" => 1L << 10,
            "MB" => 1_000_000,
            "M" or "MiB" => 1L << 20,
            "GB" => 1_000_000_000,
            "G" or "GiB" => 1L << 30,
            "TB" => 1_000_000_000_000,
            "T" or "TiB" => 1L << 40,
            _ => 0,
        };
        return unit > 0 && value > 0 && value <= (1L << 46) / unit ? value * unit : null;
    }
}
