using System.Globalization;
using System.Text;
using VmBus.Management.Values;
using VmBus.Protocol.Integration;

namespace VmBus.Cli.Text;

/// <summary>A partition in words.</summary>
internal static class PartitionText
{
    /// <summary>Name, state, time and version, and a line for each channel.</summary>
    public static string Describe(PartitionReport partition)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"name      {partition.Name}\nstate     {partition.State}\nuptime    {TimeSpan.FromMilliseconds(partition.UptimeMs):d\\.hh\\:mm\\:ss}\nbus       {Bus(partition)}\n");
        foreach (ChannelReport channel in partition.Channels)
        {
            string kind = channel.Device switch
            {
                "scsi" => "SCSI controller",
                "network" => "network adapter",
                "integration" => IntegrationServices.All.First(service => service.InterfaceType.ToString() == channel.Type).Name,
                "socket" => "socket",
                "memory" => "dynamic memory",
                _ => channel.Type,
            };
            text.Append(
                CultureInfo.InvariantCulture,
                $"channel   {channel.Id}: {kind}{(channel.Subchannel > 0 ? $", sub-channel {channel.Subchannel}" : "")}, {channel.State}");
            if (channel.Lane is not null)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $", processor {channel.Processor}, {channel.Lane}, packets {channel.PacketsIn} in {channel.PacketsOut} out, {channel.Kicks} kicks, {channel.Interrupts} interrupts");
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    /// <summary>How it is connected to the guest.</summary>
    public static string Bus(PartitionReport partition) => partition.Bus is null ? "not connected" : $"VMBus {partition.Bus}";
}
