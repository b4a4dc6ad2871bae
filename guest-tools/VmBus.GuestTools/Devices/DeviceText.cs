using System.Globalization;
using System.Text;
using System.Text.Json;
using VmBus.Client.Sysfs;

namespace VmBus.GuestTools.Devices;

/// <summary>Devices and channels for people, in columns, and for programs, as JSON.</summary>
internal static class DeviceText
{
    private static readonly string[] DeviceHeading = ["ID", "CLASS", "DRIVER", "STATE", "CHANNELS", "INSTANCE"];
    private static readonly string[] ChannelHeading =
        ["CHANNEL", "CPU", "INTERRUPTS", "EVENTS", "PENDING", "READABLE", "WRITABLE", "MASKED", "FULL", "DEVICE"];

    /// <summary>A line for each device, and with <paramref name="verbose"/> more of each.</summary>
    public static string List(IReadOnlyList<VmbusDevice> devices, bool verbose)
    {
        var rows = new List<string[]> { DeviceHeading };
        var below = new List<string>();
        foreach (VmbusDevice device in devices)
        {
            rows.Add([Show(device.Id), device.ClassName, device.Driver ?? "-", device.StateName, Show(device.Channels.Count), device.InstanceId.ToString()]);
            below.Add(verbose ? Details(device) : "");
        }

        string[] lines = Columns(rows);
        var text = new StringBuilder().Append(lines[0]).Append('\n');
        for (int i = 0; i < below.Count; i++) text.Append(lines[i + 1]).Append('\n').Append(below[i]);
        return text.ToString();
    }

    /// <summary>A line for each channel with its counts.</summary>
    public static string ListChannels(IReadOnlyList<VmbusDevice> devices)
    {
        var rows = new List<string[]> { ChannelHeading };
        foreach (VmbusDevice device in devices)
        {
            foreach (VmbusChannel channel in device.Channels)
            {
                string masks = (channel.InputMasked, channel.OutputMasked) switch
                {
                    (null, null) => "-",
                    ( > 0, > 0) => "in,out",
                    ( > 0, _) => "in",
                    (_, > 0) => "out",
                    _ => "no",
                };
                rows.Add(
                [
                    Show(channel.Id), Show(channel.Cpu), Show(channel.Interrupts), Show(channel.Events), Show(channel.Pending), Show(channel.ReadableBytes), Show(channel.WritableBytes),
                    masks, Show(channel.FullTimes), device.ClassName,
                ]);
            }
        }

        return string.Join('\n', Columns(rows)) + "\n";
    }

    /// <summary>All of it as JSON: an array with an object for each device.</summary>
    public static string Json(IReadOnlyList<VmbusDevice> devices)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach (VmbusDevice device in devices) Write(json, device);
            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    /// <summary>Rows in columns two blanks apart.</summary>
    public static string[] Columns(IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        return [.. rows.Select(row => string.Join("  ", row.Select((word, column) => word.PadRight(widths[column]))).TrimEnd())];
    }

    private static string Details(VmbusDevice device)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"    class {device.ClassId}\n    /sys/bus/vmbus/devices/{device.InstanceId}\n");
        if (device.Interfaces.Count > 0) text.Append(CultureInfo.InvariantCulture, $"    network interface {string.Join(' ', device.Interfaces)}\n");
        foreach (VmbusChannel channel in device.Channels) text.Append(CultureInfo.InvariantCulture, $"    channel {channel.Id}, target CPU {Show(channel.Cpu)}\n");
        return text.ToString();
    }

    private static string Show(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static void Write(Utf8JsonWriter json, VmbusDevice device)
    {
        json.WriteStartObject();
        json.WriteNumber("id", device.Id);
        json.WriteString("class", device.ClassName);
        json.WriteString("classId", device.ClassId);
        json.WriteString("instanceId", device.InstanceId);
        if (device.Driver is { } driver) json.WriteString("driver", driver);
        else json.WriteNull("driver");
        json.WriteString("state", device.StateName);
        json.WriteStartArray("interfaces");
        foreach (string name in device.Interfaces) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteStartArray("channels");
        foreach (VmbusChannel channel in device.Channels) Write(json, channel);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, VmbusChannel channel)
    {
        json.WriteStartObject();
        json.WriteNumber("id", channel.Id);
        foreach ((string name, long? value) in new[]
        {
            ("subChannel", channel.SubChannel), ("cpu", channel.Cpu), ("interrupts", channel.Interrupts), ("events", channel.Events), ("pending", channel.Pending),
            ("readableBytes", channel.ReadableBytes), ("writableBytes", channel.WritableBytes), ("inputMasked", channel.InputMasked), ("outputMasked", channel.OutputMasked),
            ("fullTimes", channel.FullTimes),
        })
        {
            if (value is { } number) json.WriteNumber(name, number);
            else json.WriteNull(name);
        }

        json.WriteEndObject();
    }
}
