using System.Globalization;
using System.Text;
using VmBus.Capture;
using VmBus.Host;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

// VmBus.Capture KERNEL INITRD APPEND disk|nic|services DEVICE VERSION PREFIX: boots the guest with one disk or network adapter, given as `vmbus run` takes
// it, or with a disk and the integration services, and writes what it and the host said to PREFIX-channel.hex, PREFIX-storage.hex or PREFIX-network.hex,
// PREFIX-integration.hex, and PREFIX-synic.hex. `run` beside this file says the rest. Two processors and 512 MiB, so that captures can be compared.
if (args is not [var kernel, var initrd, var append, ("disk" or "nic" or "services") and var kind, var device, var version, var prefix])
{
    Console.Error.WriteLine("usage: VmBus.Capture KERNEL INITRD APPEND disk|nic|services DEVICE VERSION PREFIX");
    return 2;
}

bool nic = kind == "nic";
string[] parts = version.Split('.');
uint maximum = (uint.Parse(parts[0], CultureInfo.InvariantCulture) << 16) | uint.Parse(parts[1], CultureInfo.InvariantCulture);
var options = new PartitionOptions
{
    Name = "capture",
    Kernel = kernel,
    Initrd = initrd,
    CommandLine = append,
    ProcessorCount = 2,
    MemoryBytes = 512 << 20,
    Disks = nic ? [] : [DiskOptions.Parse(device, (_, _) => false)],
    NetworkAdapters = nic ? [NicOptions.Parse(device)] : [],
    MaximumVersion = maximum,
};
var recording = new Recording();
using var console = new CapturedConsole();
CapturedPartition.Run(options, kind == "services", console, recording);
string text = Encoding.UTF8.GetString(console.ToArray());
string release = text.Split('\n').Select(line => line.Trim()).FirstOrDefault(line => line.StartsWith("kernel: ", StringComparison.Ordinal))
    ?? throw new InvalidOperationException("The guest did not say which kernel it is:\n" + text);
recording.Describe("kernel", release["kernel: ".Length..]);
recording.Describe("vmbus", version);
recording.Describe("processors", options.ProcessorCount.ToString(CultureInfo.InvariantCulture));
recording.Describe("memory", options.MemoryBytes.ToString(CultureInfo.InvariantCulture));
recording.Write(Topic.Channel, prefix + "-channel.hex");
recording.Write(Topic.Network, prefix + "-network.hex");
recording.Write(Topic.Storage, prefix + "-storage.hex");
recording.Write(Topic.Synic, prefix + "-synic.hex");
recording.Write(Topic.Integration, prefix + "-integration.hex");
return 0;
