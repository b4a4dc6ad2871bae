using System.Globalization;
using System.Text;
using VmBus.Bus.Devices;
using VmBus.Cli.Options;
using VmBus.Host;
using VmBus.Protocol.Network;
using VmBus.Protocol.Storage;

namespace VmBus.Cli.Monitor;

/// <summary>Carries the monitor's commands out and puts their answers into words. One thread.</summary>
/// <param name="partition">What the commands are for.</param>
/// <param name="powerOffLimit">How long <c>poweroff</c> waits for the guest.</param>
internal sealed class MonitorExecutor(IPartitionControl partition, TimeSpan powerOffLimit)
{
    // Longer than a healthy disk or link needs for its last commands or frames; then the user gets the prompt back.
    private static readonly TimeSpan RemovalLimit = TimeSpan.FromSeconds(30);

    /// <summary>Carries a line out.</summary>
    /// <returns>The answer: lines that end with a line feed; <c>error: …</c> in one line when it cannot be done.</returns>
    public string Execute(string line)
    {
        try
        {
            return MonitorCommand.Parse(line) is { } command ? Execute(command) : "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or UsageException)
        {
            return $"error: {exception.Message.ReplaceLineEndings(" ")}\n";
        }
    }

    private string Execute(MonitorCommand command)
    {
        switch (command)
        {
            case MonitorCommand.ShowHelp:
                return MonitorCommand.Help;
            case MonitorCommand.ShowInfo:
                return Describe(partition.Describe());
            case MonitorCommand.ListDisks:
                return List(partition.Disks);
            case MonitorCommand.AddDisk add:
                DiskInfo added = partition.AddDisk(add.Options);
                return $"disk {added.Id} added: LUN {added.Lun}, {SizeParser.Format(added.Bytes)}\n";
            case MonitorCommand.RemoveDisk remove:
                return Remove(
                    partition.RemoveDiskAsync(remove.Id),
                    $"disk {remove.Id} removed\n",
                    $"disk {remove.Id} is gone from the guest, but its last commands still run: its image is closed when they end (disk list shows it until then)\n");
            case MonitorCommand.ResizeDisk resize:
                return Resize(resize);
            case MonitorCommand.ListNics:
                return NicReport.Write(partition.NetworkAdapters);
            case MonitorCommand.AddNic add:
                NicInfo nic = partition.AddNic(add.Options);
                return $"network adapter {nic.Id} added: {nic.Link}, {nic.Address}\n";
            case MonitorCommand.RemoveNic remove:
                return Remove(
                    partition.RemoveNicAsync(remove.Id),
                    $"network adapter {remove.Id} removed\n",
                    $"network adapter {remove.Id} still has frames on their way: it is closed when they are done (nic list shows it until then)\n");
            case MonitorCommand.PowerOff:
                partition.RequestPowerOff(powerOffLimit);
                return string.Create(CultureInfo.InvariantCulture, $"power button pressed; the partition ends in {powerOffLimit.TotalSeconds} s at the latest\n");
            case MonitorCommand.Quit:
                partition.Terminate();
                return "";
        }

        throw new InvalidOperationException($"Unknown command {command}");
    }

    private static string Remove(Task removal, string removed, string going)
    {
        if (!Task.WhenAny(removal).Wait(RemovalLimit)) return going;
        removal.GetAwaiter().GetResult();
        return removed;
    }

    private string Resize(MonitorCommand.ResizeDisk resize)
    {
        long before = partition.Disks.FirstOrDefault(disk => disk.Id == resize.Id)?.Bytes ?? 0;
        DiskInfo disk = partition.ResizeDisk(resize.Id, resize.Bytes);
        return disk.Bytes == before
            ? $"disk {disk.Id} has {SizeParser.Format(disk.Bytes)} as before; enlarge its image first, or give a size\n"
            : $"disk {disk.Id} has {SizeParser.Format(disk.Bytes)} now\n";
    }

    private static string List(IReadOnlyList<DiskInfo> disks)
    {
        if (disks.Count == 0) return "no disks\n";
        int width = Math.Max(2, disks.Max(disk => disk.Id.Length));
        var text = new StringBuilder($"{"ID".PadRight(width)}  LUN       SIZE  FORMAT  STATE     PATH\n");
        foreach (DiskInfo disk in disks)
        {
            string state = disk.State switch
            {
                DiskState.Opening => "opening",
                DiskState.Removing => "removing",
                DiskState.Attached => disk.ReadOnly ? "read-only" : "writable",
            };
            text.Append(
                CultureInfo.InvariantCulture,
                $"{disk.Id.PadRight(width)}  {disk.Lun,3}  {SizeParser.Format(disk.Bytes),9}  {disk.Format.ToString().ToLowerInvariant(),-6}  {state,-9} {disk.Path}\n");
        }

        return text.ToString();
    }

    private static string Describe(PartitionInfo info)
    {
        string bus = info.BusVersion is null ? "not connected" : $"VMBus {info.BusVersion}";
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"name      {info.Name}\nstate     {info.State.ToString().ToLowerInvariant()}\nuptime    {info.Uptime:d\\.hh\\:mm\\:ss}\nbus       {bus}\n");
        foreach (ChannelInfo channel in info.Channels)
        {
            string kind = channel.InterfaceType == StorageInterface.Scsi ? "SCSI controller"
                : channel.InterfaceType == NetworkInterface.Synthetic ? "network adapter" : channel.InterfaceType.ToString();
            text.Append(
                CultureInfo.InvariantCulture,
                $"channel   {channel.Id}: {kind}{(channel.SubchannelIndex > 0 ? $", sub-channel {channel.SubchannelIndex}" : "")}, {channel.State.ToString().ToLowerInvariant()}");
            if (channel.Lane is not null)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $", processor {channel.TargetProcessor}, {channel.Lane}, packets {channel.PacketsIn} in {channel.PacketsOut} out, {channel.Kicks} kicks, {channel.Interrupts} interrupts");
            }

            text.Append('\n');
        }

        return text.ToString();
    }
}
