using System.CommandLine;
using VmBus.Client.Uio;
using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.Devices;
using VmBus.GuestTools.Files;
using VmBus.GuestTools.Time;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest status</c>: which program serves what the host asks.</summary>
internal static class StatusCommand
{
    private static readonly (string Service, Guid Class, string Device)[] Devices =
    [
        ("kvp", new("a9a0f4e7-5a45-4d96-b827-8a841e8c03e6"), RunCommand.KvpDevice),
        ("vss", new("35fa2e29-ea23-4236-96ae-3a6ebacba440"), RunCommand.VssDevice),
        ("fcopy", DeviceClass.FileCopy, FileCopyHandler.Device),
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
        foreach ((string service, Guid kind, string usual) in Devices)
        {
            VmbusDevice? offer = offered.FirstOrDefault(one => one.ClassId == kind);
            // File copy has another since Linux 6.10.
            string device = File.Exists(usual) ? usual : UioDevice.Find(kind) is [UioDevice { Node: { } node }, ..] ? node : usual;
            bool hasDevice = File.Exists(device);
            (int Id, string Name)? holder = hasDevice ? DeviceHolder.Find(device) : null;
            string server = holder is var (id, name) ? $"{ShownText.Escape(name)} (process {id})" : "nobody";
            if (service == "vss" && new FrozenRecord(FrozenRecord.DefaultPath).Read().Count > 0) server += ", file systems are frozen";
            rows.Add([service, offer is null ? "no" : "yes", hasDevice ? device : "none", server]);
        }

        string keeper = (TimeKeeper.FindOther() ?? TimeKeeper.FindOwn()) is { } found ? $"{found.Name} (process {found.Id})" : "nobody";
        string? clock = HyperVClock.Find();
        rows.Add(["time", clock is null ? "no" : "yes", clock ?? "none", keeper]);
        return rows;
    }
}
