using System.Globalization;
using System.Net;
using System.Net.Sockets;
using VmBus.GuestTools.Daemon;

namespace VmBus.GuestTools.Addresses;

/// <summary>
/// Puts addresses to use: by the programs of a folder where it has any, else with <c>ip</c>, until the next start of the guest.
/// </summary>
/// <param name="hooks">The folder. Each program gets the interface's name as its argument and the addresses in its environment.</param>
internal sealed class AddressApplier(HookFolder hooks)
{
    /// <summary>Where the programs are looked for.</summary>
    public const string DefaultHooks = "/etc/vmbus-guest/ip.d";

    private const string ResolverFile = "/etc/resolv.conf";

    // All of them together have less than the 30 seconds after which the kernel answers the host itself.
    private static readonly TimeSpan HookLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(5);

    // Clients of DHCP that end, or go to the background, when they have an address or after a time.
    private static readonly (string Program, string[] Arguments)[] DhcpClients =
        [("dhclient", ["-1", "-nw"]), ("dhcpcd", ["-b"]), ("udhcpc", ["-b", "-S", "-i"])];

    /// <summary>Has an interface use addresses, and those only.</summary>
    /// <param name="name">The interface.</param>
    /// <param name="plan">The addresses.</param>
    /// <param name="said">What was done, or why not.</param>
    public bool Apply(string name, AddressPlan plan, out string said)
    {
        IReadOnlyList<string> programs = hooks.Programs;
        if (programs.Count == 0) return ApplyDirectly(name, plan, out said);
        Dictionary<string, string> environment = Describe(name, plan);
        foreach (string program in programs)
        {
            if (!ProgramRun.Run(program, [name], HookLimit / programs.Count, out said, environment)) return false;
        }

        said = $"{plan}, by {string.Join(" and ", programs)}";
        return true;
    }

    /// <summary>What a program finds in its environment.</summary>
    internal static Dictionary<string, string> Describe(string name, AddressPlan plan) => new(StringComparer.Ordinal)
    {
        ["VMBUS_INTERFACE"] = name,
        ["VMBUS_DHCP"] = plan.Dhcp ? "yes" : "no",
        ["VMBUS_ADDRESSES"] = string.Join(' ', plan.Addresses.Select(Show)),
        ["VMBUS_GATEWAYS"] = string.Join(' ', plan.Gateways),
        ["VMBUS_DNS"] = string.Join(' ', plan.NameServers),
    };

    /// <summary>The calls of <c>ip</c> that a plan takes, in their order.</summary>
    internal static IReadOnlyList<string[]> Commands(string name, AddressPlan plan)
    {
        var commands = new List<string[]> { new[] { "link", "set", "dev", name, "up" } };
        // Addresses of the link itself (fe80::) stay: version 6 needs one.
        commands.Add(["address", "flush", "dev", name, "scope", "global"]);
        foreach ((IPAddress, int) address in plan.Addresses) commands.Add(["address", "replace", Show(address), "dev", name]);
        foreach (IPAddress gateway in plan.Gateways)
        {
            string family = gateway.AddressFamily == AddressFamily.InterNetwork ? "-4" : "-6";
            commands.Add([family, "route", "replace", "default", "via", gateway.ToString(), "dev", name]);
        }

        return commands;
    }

    private static string Show((IPAddress Address, int PrefixLength) entry)
        => string.Create(CultureInfo.InvariantCulture, $"{entry.Address}/{entry.PrefixLength}");

    private static bool ApplyDirectly(string name, AddressPlan plan, out string said)
    {
        // Looked for first: an interface that nothing gives an address keeps those that it has.
        (string Program, string[] Arguments) client = DhcpClients.FirstOrDefault(static client => ProgramRun.Exists(client.Program));
        if (plan.Dhcp && client.Program is null)
        {
            said = $"there is none of {string.Join(", ", DhcpClients.Select(static client => client.Program))}; write a program that starts DHCP to {DefaultHooks}";
            return false;
        }

        foreach (string[] command in Commands(name, plan))
        {
            if (!ProgramRun.Run("ip", command, CommandLimit, out said)) return false;
        }

        if (plan.Dhcp && !ProgramRun.Run(client.Program, [.. client.Arguments, name], CommandLimit, out said)) return false;
        said = $"{plan}, with ip, until the next start of this guest";
        if (plan.NameServers.Count > 0 && !SetNameServers(name, plan.NameServers, out string why)) said += $"; not its name servers: {why}";
        return true;
    }

    private static bool SetNameServers(string name, IReadOnlyList<IPAddress> servers, out string why)
    {
        if (Directory.Exists("/run/systemd/resolve") && ProgramRun.Exists("resolvectl"))
            return ProgramRun.Run("resolvectl", servers.Select(static server => server.ToString()).Prepend(name).Prepend("dns"), CommandLimit, out why);
        why = $"{ResolverFile} belongs to another program";
        // Who makes a link of it writes it itself.
        if (new FileInfo(ResolverFile).LinkTarget is not null) return false;
        try
        {
            string[] kept = File.Exists(ResolverFile)
                ? [.. File.ReadAllLines(ResolverFile).Where(static line => !line.TrimStart().StartsWith("nameserver", StringComparison.Ordinal))]
                : [];
            string written = ResolverFile + ".vmbus-guest";
            File.WriteAllLines(written, kept.Concat(servers.Select(static server => $"nameserver {server}")));
            File.Move(written, ResolverFile, overwrite: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            why = e.Message;
            return false;
        }
    }
}
