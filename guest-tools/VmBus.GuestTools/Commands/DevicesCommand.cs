using System.CommandLine;
using VmBus.Client.Sysfs;
using VmBus.GuestTools.Devices;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest devices</c> and <c>vmbus-guest channel</c>: what sysfs knows of the VMBus.</summary>
internal static class DevicesCommand
{
    /// <summary>Builds <c>devices</c>.</summary>
    public static Command Create()
    {
        Option<bool> verbose = new("--verbose", "-v") { Description = "Also each device's class, sysfs folder, network interface, and channels with their target CPUs" };
        Option<bool> json = new("--json") { Description = "As JSON: an array of devices, each with its channels" };
        var command = new Command("devices", "Lists the devices that the host offers on the VMBus.") { verbose, json };
        command.SetAction(parsed =>
        {
            VmbusTree tree = Tree();
            Console.Out.Write(parsed.GetValue(json) ? DeviceText.Json(tree.Read()) : DeviceText.List(tree.Read(), parsed.GetValue(verbose)));
            return ExitStatus.Success;
        });
        return command;
    }

    /// <summary>Builds <c>channel</c>.</summary>
    public static Command CreateChannel()
    {
        Argument<string?> device = new("DEVICE")
        {
            Description = "Which: the number of a channel, the beginning of an instance or of a class's name, or a network interface; all without",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<bool> json = new("--json") { Description = "As JSON: an array of devices, each with its channels" };
        var command = new Command(
            "channel",
            "Shows each channel's counts: interrupts of the host, events sent to it, bytes readable and writable in the rings, whether either end is masked, and how often the ring to the host was full.")
        {
            device, json,
        };
        command.SetAction(parsed =>
        {
            VmbusTree tree = Tree();
            string? word = parsed.GetValue(device);
            IReadOnlyList<VmbusDevice> devices = word is null ? tree.Read() : tree.Find(word);
            if (devices.Count == 0 && word is not null) throw new ToolException($"There is no device '{PeerText.Escape(word, 64)}': 'vmbus-guest devices' lists those that are.");
            Console.Out.Write(parsed.GetValue(json) ? DeviceText.Json(devices) : DeviceText.ListChannels(devices));
            return ExitStatus.Success;
        });
        return command;
    }

    private static VmbusTree Tree()
    {
        var tree = new VmbusTree("/");
        return tree.IsPresent ? tree : throw new ToolException("There is no VMBus: /sys/bus/vmbus is missing; load the driver with 'modprobe hv_vmbus', in a guest of Hyper-V, Azure or VmBus.");
    }
}
