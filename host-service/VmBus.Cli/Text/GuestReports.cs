using System.Globalization;
using System.Text;
using VmBus.Management.Values;
using VmBus.Protocol.Text;

namespace VmBus.Cli.Text;

/// <summary>What a guest tells of itself, in words. Nothing that it wrote acts on a terminal.</summary>
internal static class GuestReports
{
    /// <summary>A table of the integration services.</summary>
    public static string List(IReadOnlyList<ServiceReport> services)
    {
        int width = services.Select(static service => service.Name.Length).DefaultIfEmpty().Max();
        var text = new StringBuilder($"{"SERVICE".PadRight(width)}  VERSION  STATE\n");
        foreach (ServiceReport service in services)
        {
            string state = service.Contact switch
            {
                "no-driver" => "no driver in the guest",
                "negotiating" => "waiting for the guest",
                "incompatible" => "no common version",
                _ => service.Contact,
            };
            text.Append(CultureInfo.InvariantCulture, $"{service.Name.PadRight(width)}  {service.Version ?? "-",-7}  {state}\n");
        }

        return text.ToString();
    }

    /// <summary>A line about the heartbeat.</summary>
    public static string Describe(HeartbeatReport heartbeat)
    {
        string state = heartbeat.State switch
        {
            "no-contact" => "no contact",
            "ok" => $"OK, applications {heartbeat.Applications}",
            "lost-communication" => "lost communication",
            _ => heartbeat.State,
        };
        string last = heartbeat.SinceAnswerMs is { } since ? string.Create(CultureInfo.InvariantCulture, $", the last {since / 1000.0:0.0} s ago") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{state}; {heartbeat.Answered} beats answered{last}, {heartbeat.Missed} missed\n");
    }

    /// <summary>A line for each item.</summary>
    public static string List(IReadOnlyList<ItemReport> items)
    {
        var text = new StringBuilder();
        foreach (ItemReport item in items)
        {
            string pool = item.Pool == "auto-external" ? "host" : item.Pool;
            text.Append(CultureInfo.InvariantCulture, $"{pool}:{PeerText.Escape(item.Key)} = {PeerText.Escape(item.Text)}\n");
        }

        return text.Length == 0 ? "no items\n" : text.ToString();
    }

    /// <summary>The addresses by adapter.</summary>
    public static string List(IReadOnlyList<AddressReport> adapters)
    {
        if (adapters.Count == 0) return "no network adapters\n";
        var text = new StringBuilder();
        foreach (AddressReport adapter in adapters)
        {
            text.Append(CultureInfo.InvariantCulture, $"{adapter.Nic}: {adapter.Address}");
            if (!adapter.Used)
            {
                text.Append(", not used by the guest\n");
                continue;
            }

            text.Append(adapter.Dhcp ? ", dhcp\n" : "\n");
            for (int i = 0; i < adapter.Addresses.Count; i++)
                Append(text, "address", adapter.Addresses[i], i < adapter.Subnets.Count ? $", subnet {PeerText.Escape(adapter.Subnets[i])}" : "");
            foreach (string gateway in adapter.Gateways) Append(text, "gateway", gateway, "");
            foreach (string server in adapter.NameServers) Append(text, "dns", server, "");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string what, string value, string more)
        => text.Append(CultureInfo.InvariantCulture, $"  {what,-8} {PeerText.Escape(value)}{more}\n");
}
