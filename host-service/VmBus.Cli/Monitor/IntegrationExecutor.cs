using System.Diagnostics;
using System.Globalization;
using System.Text;
using VmBus.Cli.Options;
using VmBus.Host.Integration;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Cli.Monitor;

/// <summary>Carries out the monitor's commands for the guest itself and puts the answers into words. One thread.</summary>
/// <param name="guest">Whom they are for.</param>
internal sealed class IntegrationExecutor(IIntegrationControl guest)
{
    /// <summary>Carries a command out.</summary>
    /// <returns>The answer: lines that end with a line feed.</returns>
    /// <exception cref="IOException">It cannot be done.</exception>
    public string Execute(IntegrationCommand command)
    {
        switch (command)
        {
            case IntegrationCommand.ListServices:
                return List(guest.Services);
            case IntegrationCommand.ShutDown shutDown:
                guest.ShutdownAsync(shutDown.Action, shutDown.Force).GetAwaiter().GetResult();
                return shutDown.Action switch
                {
                    GuestShutdown.PowerOff => "the guest powers off\n",
                    GuestShutdown.Reboot => "the guest starts again\n",
                    GuestShutdown.Hibernate => "the guest hibernates\n",
                };
            case IntegrationCommand.ShowHeartbeat:
                return Describe(guest.Heartbeat);
            case IntegrationCommand.SynchronizeTime:
                guest.SynchronizeTimeAsync().GetAwaiter().GetResult();
                return "the guest has set its clock\n";
            case IntegrationCommand.ListItems list:
                return List(list.Pool is { } only ? [only] : IntegrationCommand.KnownPools);
            case IntegrationCommand.GetItem get:
                return Get(get);
            case IntegrationCommand.SetItem set:
                guest.SetItemAsync(set.Pool, set.Key, set.Value).GetAwaiter().GetResult();
                return $"{set.Key} is set in the pool {IntegrationCommand.WordOf(set.Pool)}\n";
            case IntegrationCommand.RemoveItem remove:
                return guest.RemoveItemAsync(remove.Pool, remove.Key).GetAwaiter().GetResult()
                    ? $"{remove.Key} is removed from the pool {IntegrationCommand.WordOf(remove.Pool)}\n"
                    : throw new IOException($"There is no key '{remove.Key}' in the pool {IntegrationCommand.WordOf(remove.Pool)}: 'kvp list' shows those that are.");
            case IntegrationCommand.ShowAddresses:
                return List(guest.ReadAddressesAsync().GetAwaiter().GetResult());
            case IntegrationCommand.SetAddresses set:
                guest.SetAddressesAsync(set.Nic, set.Addresses).GetAwaiter().GetResult();
                return $"the guest uses them on network adapter {set.Nic}\n";
            case IntegrationCommand.Freeze freeze:
                guest.FreezeAsync(freeze.Limit).GetAwaiter().GetResult();
                return string.Create(CultureInfo.InvariantCulture, $"the guest's file systems are frozen; they are thawed in {freeze.Limit.TotalSeconds} s at the latest\n");
            case IntegrationCommand.Thaw:
                guest.ThawAsync().GetAwaiter().GetResult();
                return "the guest's file systems are thawed\n";
            case IntegrationCommand.Copy copy:
                return Copy(copy);
        }

        throw new InvalidOperationException($"Unknown command {command}");
    }

    private static string List(IReadOnlyList<IntegrationInfo> services)
    {
        int width = services.Max(static info => info.Service.Name.Length);
        var text = new StringBuilder($"{"SERVICE".PadRight(width)}  VERSION  STATE\n");
        foreach (IntegrationInfo info in services)
        {
            string state = info.Contact switch
            {
                IntegrationContact.NoDriver => "no driver in the guest",
                IntegrationContact.Negotiating => "waiting for the guest",
                IntegrationContact.Ready => "ready",
                IntegrationContact.Incompatible => "no common version",
            };
            text.Append(CultureInfo.InvariantCulture, $"{info.Service.Name.PadRight(width)}  {info.Version?.ToString() ?? "-",-7}  {state}\n");
        }

        return text.ToString();
    }

    private static string Describe(HeartbeatInfo heartbeat)
    {
        string applications = heartbeat.Applications switch
        {
            ApplicationState.Healthy => "applications healthy",
            ApplicationState.Critical => "applications critical",
            ApplicationState.Stopped => "applications stopped",
            _ => "applications unknown",
        };
        string state = heartbeat.State switch
        {
            HeartbeatState.NoContact => "no contact",
            HeartbeatState.Ok => "OK, " + applications,
            HeartbeatState.LostCommunication => "lost communication",
        };
        string last = heartbeat.SinceAnswer is { } since ? string.Create(CultureInfo.InvariantCulture, $", the last {since.TotalSeconds:0.0} s ago") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{state}; {heartbeat.Answered} beats answered{last}, {heartbeat.Missed} missed\n");
    }

    private static string List(IReadOnlyList<GuestAddresses> adapters)
    {
        if (adapters.Count == 0) return "no network adapters\n";
        var text = new StringBuilder();
        foreach (GuestAddresses adapter in adapters)
        {
            text.Append(CultureInfo.InvariantCulture, $"{adapter.Nic.Id}: {adapter.Nic.Address}");
            if (adapter.Addresses is not { } known)
            {
                text.Append(", not used by the guest\n");
                continue;
            }

            text.Append(known.Dhcp ? ", dhcp\n" : "\n");
            for (int i = 0; i < known.Addresses.Count; i++)
                Append(text, "address", known.Addresses[i], i < known.Subnets.Count ? $", subnet {GuestText.Escape(known.Subnets[i])}" : "");
            foreach (string gateway in known.Gateways) Append(text, "gateway", gateway, "");
            foreach (string server in known.NameServers) Append(text, "dns", server, "");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string what, string value, string more)
        => text.Append(CultureInfo.InvariantCulture, $"  {what,-8} {GuestText.Escape(value)}{more}\n");

    private string List(IEnumerable<KvpPool> pools)
    {
        var text = new StringBuilder();
        foreach (KvpPool pool in pools)
        {
            foreach (KvpValue item in guest.ListItemsAsync(pool).GetAwaiter().GetResult())
                text.Append(CultureInfo.InvariantCulture, $"{IntegrationCommand.WordOf(pool)}:{GuestText.Escape(item.Key)} = {GuestText.Escape(item.Text)}\n");
        }

        return text.Length == 0 ? "no items\n" : text.ToString();
    }

    private string Get(IntegrationCommand.GetItem get)
    {
        foreach (KvpPool pool in get.Pool is { } only ? [only] : IntegrationCommand.KnownPools)
        {
            if (guest.GetItemAsync(pool, get.Key).GetAwaiter().GetResult() is { } value) return GuestText.Escape(value) + "\n";
        }

        throw new IOException($"There is no key '{get.Key}'{(get.Pool is { } wanted ? $" in the pool {IntegrationCommand.WordOf(wanted)}" : "")}: 'kvp list' shows those that are.");
    }

    private string Copy(IntegrationCommand.Copy copy)
    {
        long start = Stopwatch.GetTimestamp();
        long bytes = guest.CopyFileAsync(copy.File, copy.GuestPath, copy.Flags).GetAwaiter().GetResult();
        return string.Create(
            CultureInfo.InvariantCulture, $"{copy.File} copied: {SizeParser.Format(bytes)} in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s\n");
    }
}
