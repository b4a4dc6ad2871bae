using System.Text;
using System.Text.Json;
using VmBus.Cli.Import;
using VmBus.Fuzz.Engine;
using VmBus.Service.Definitions;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Files of other hypervisors: XML of any elements and texts. What is made of one is a definition or nearly one, and what is left out is told line by line.</summary>
/// <param name="name">The target's name.</param>
/// <param name="root">The root element of such a file.</param>
/// <param name="words">Names of its elements and attributes, and values.</param>
internal sealed class ImportTarget(string name, string root, string[] words) : IFuzzTarget
{
    private const string Disks = "/images";
    private const int MostElements = 200;
    private static readonly string[] Texts = ["", "0", "1", "2", "-1", "65", "1048576", "99999999999999999999", "true", "&lt;&amp;&#10;x", "\u202e\u2028\ud83d\ude00", "../../etc/passwd", "/dev/vg/data"];

    /// <summary>What <c>virsh dumpxml</c> prints.</summary>
    public static ImportTarget Libvirt() => new(
        "import-libvirt",
        "domain",
        [
            "name", "memory", "currentMemory", "maxMemory", "vcpu", "os", "devices", "on_reboot", "on_crash", "disk", "interface", "serial", "console", "driver", "source", "target", "readonly", "mac", "model",
            "kernel", "initrd", "cmdline", "loader", "type", "uuid", "cpu", "iotune", "mtu", "vlan", "hostdev", "unit", "current", "cpuset", "device", "cache", "bus", "dev", "file", "bridge", "path", "address",
            "queues", "network", "mode", "KiB", "GiB", "TB", "cdrom", "lun", "floppy", "qcow2", "raw", "vpc", "vhdx", "virtio", "none", "directsync", "ethernet", "user", "pty", "unix", "connect", "destroy", "restart",
        ]);

    /// <summary>The configuration of an export of Hyper-V.</summary>
    public static ImportTarget HyperV() => new(
        "import-hyperv",
        "configuration",
        [
            "properties", "name", "subtype", "settings", "processors", "count", "memory", "bank", "size", "limit", "reservation", "dynamic_memory_enabled", "controller0", "controller1", "drive0", "drive12", "drive",
            "pathname", "type", "_83f8638b_", "ChannelInstanceGuid", "FriendlyName", "MACAddress", "MAC", "IsConnected", "integration", "security", "bios", "video", "snapshots", "node0", "list", "string", "integer",
            @"C:\VMs\web.vhdx", @"..\..\etc\data.avhdx", "a.iso", "NONE", "VHD", "ISO", "00155D010203", "1024", ".", "..", "True",
        ]);

    public string Name => name;

    public string What => $"files of other hypervisors whose root is <{root}>";

    public IEnumerable<byte[]> Seeds =>
    [
        [1, 1, 0, 2, 5, 3, 1, 1, 2, 6, 3, 6, 1, 9, 0, 4, 1, 10, 3, 3, 3], [0, .. Encoding.UTF8.GetBytes($"<{root}><name>x</name></{root}>")], [2, 255, 255, 1, 0, 2, 1, 3],
        [0, .. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes($"<?xml version=\"1.0\" encoding=\"utf-16\"?><{root}/>")],
    ];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        bool isRaw = steps.Byte() % 3 == 0;
        byte[] bytes = isRaw ? steps.Rest.ToArray() : Encoding.UTF8.GetBytes(Document(ref steps));
        ImportedPartition partition;
        try
        {
            partition = ImportFile.Read("f.xml", bytes, Disks);
        }
        catch (ImportException refusal)
        {
            Must(!refusal.Message.Any(char.IsControl), "A refusal that is no line.");
            return;
        }

        foreach (string line in partition.LeftOut) Must(line.Length <= 1000 && !line.Any(char.IsControl), "A line of what is left out that is none.");
        if (root == "configuration") Must(partition.Disks.All(static disk => Path.GetDirectoryName(disk.Path) == Disks), "A disk that is not in the folder of images.");
        string named = ImportedPartition.NameFrom(partition.Name);
        Must(named.Length == 0 || DefinitionReader.IsName(named), $"'{named}' is no name.");
        string text = partition.ToDefinition();
        using (var document = JsonDocument.Parse(text)) Must(document.RootElement.ValueKind == JsonValueKind.Object, "No definition was made.");
        try
        {
            _ = DefinitionReader.Read("fuzzed", text);
        }
        catch (DefinitionException)
        {
            // Paths and names that the file has, and a definition cannot.
        }
    }

    public void Dispose()
    {
    }

    private string Document(ref FuzzInput input)
    {
        var text = new StringBuilder($"<{root}>");
        var open = new Stack<string>();
        for (int elements = 0; elements < MostElements && !input.IsEmpty; elements++)
        {
            switch (input.Byte() % 4)
            {
                case 0 when open.Count > 0:
                    text.Append("</").Append(open.Pop()).Append('>');
                    break;
                case 2:
                    text.Append(Value(ref input).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal));
                    break;
                default:
                    string element = ElementName(ref input);
                    text.Append('<').Append(element);
                    for (int attributes = input.Byte() & 3, i = 0; i < attributes; i++)
                    {
                        string value = Value(ref input).Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
                        text.Append(' ').Append(ElementName(ref input)).Append("=\"").Append(value).Append('"');
                    }

                    text.Append('>');
                    open.Push(element);
                    break;
            }
        }

        while (open.TryPop(out string? element)) text.Append("</").Append(element).Append('>');
        return text.Append("</").Append(root).Append('>').ToString();
    }

    // Only what can be a name: the rest of the words are values.
    private string ElementName(ref FuzzInput input)
    {
        string word = words[input.Below(words.Length)];
        return char.IsAsciiLetter(word[0]) || word[0] == '_' ? string.Concat(word.Where(static c => char.IsAsciiLetterOrDigit(c) || c == '_')) : "name";
    }

    private string Value(ref FuzzInput input)
    {
        byte choice = input.Byte();
        return choice < 96 ? Texts[choice % Texts.Length] : choice < 224 ? words[choice % words.Length] : Convert.ToHexStringLower(input.Block(32));
    }
}
