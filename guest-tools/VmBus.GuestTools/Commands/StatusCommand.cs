using System.CommandLine;
using VmBus.Client.Sysfs;
using VmBus.Client.Uio;
using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.Devices;
using VmBus.GuestTools.Files;
using VmBus.GuestTools.Time;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest status</c>: which program serves what the host asks.</summary>
internal static class StatusCommand
{
    private static readonly (string Service, Guid Class, string Device)[] Devices =
    [
        ("kvp", IntegrationServices.KeyValueExchange.InterfaceType, RunCommand.KvpDevice),
        ("vss", IntegrationServices.Backup.InterfaceType, RunCommand.VssDevice),
        ("fcopy", IntegrationServices.FileCopy.InterfaceType, FileCopyHandler.Device),
    ];

    private static readonly string[] Heading = ["SERVICE", "OFFERED", "DEVICE", "SERVED BY"];

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("status", "Shows for each service whether the host offers it, its device, and which program serves it; as root, else programs of others are not seen.");
        command.SetAction(static _ =>
        {
            Console.Out.Write(string.Join('\n', DeviceText.Columns(Rows())) + "\n");
            return ExitStatus.Success;
        });
        return command;
    }

    private static List<string[]> Rows()
    {
        var rows = new List<string[]> { Heading };
        IReadOnlyList<VmbusDevice> offered = new VmbusTree("/").Read();
        foreach ((string service, Guid kind, string device) in Devices)
        {
            VmbusDevice? offer = offered.FirstOrDefault(one => one.ClassId == kind);
            string? node = File.Exists(device) ? device : (UioDevice.Find(kind) is [UioDevice served, ..] ? served.Node : null);
            (int Id, string Name)? holder = node is null ? null : DeviceHolder.Find(node);
            string server = holder is var (id, name) ? $"{PeerText.Escape(name)} (process {id})" : "nobody";
            if (service == "vss" && new FrozenRecord(FrozenRecord.DefaultPath).Read().Count > 0) server += ", file systems are frozen";
            rows.Add([service, offer is null ? "no" : "yes", node ?? "none", server]);
        }

        string keeper = (TimeKeeper.FindOther() ?? TimeKeeper.FindOwn()) is { } found ? $"{found.Name} (process {found.Id})" : "nobody";
        string? clock = HyperVClock.Find();
        rows.Add(["time", clock is null ? "no" : "yes", clock ?? "none", keeper]);
        return rows;
    }
}
