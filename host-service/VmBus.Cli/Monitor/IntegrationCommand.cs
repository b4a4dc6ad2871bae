using System.Globalization;
using System.Net;
using System.Net.Sockets;
using VmBus.Cli.Options;
using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;

namespace VmBus.Cli.Monitor;

/// <summary>A command of the monitor for the guest itself.</summary>
internal abstract record IntegrationCommand : MonitorCommand
{
    /// <summary>Shown by <c>help</c>.</summary>
    public new const string Help =
        """
        for the guest's own drivers and daemons; a word with spaces goes into "double quotes":
        services                    the integration services, and how each stands with the guest
        shutdown [force]            ask the guest to power off
        reboot [force]              ask the guest to start again
        hibernate                   ask the guest to save its memory to its disk and power off
        heartbeat                   whether the guest is alive
        time sync                   set the guest's clock to the host's
        kvp list [POOL]             items of a pool: external (written here), guest, auto (the guest's own), host; of all without
        kvp get [POOL:]KEY          the value of an item
        kvp set [POOL:]KEY VALUE    add or replace an item; in the pool external without POOL
        kvp remove [POOL:]KEY       remove an item; from the pool external without POOL
        ip                          addresses that the guest uses on the partition's network adapters
        ip set ID dhcp              have the guest ask for addresses on a network adapter
        ip set ID ADDRESS/PREFIX [gateway ADDRESS] [dns ADDRESS]
        freeze [SECONDS]            bring the guest's file systems to rest; thawed by themselves after 60 seconds, or as many as given, at most 900
        thaw                        let them go on
        copy FILE GUESTPATH [overwrite] [create]
                                    copy a file into the guest; a path with / at its end is a folder; create makes the folders on the way

        """;

    private const int DefaultRestSeconds = 60;

    private static readonly string[] Verbs =
        ["services", "shutdown", "reboot", "hibernate", "heartbeat", "time", "kvp", "ip", "freeze", "thaw", "copy"];

    // The words for pools; the guest's own internal one is for it alone.
    private static readonly (string Word, KvpPool Pool)[] Pools =
        [("external", KvpPool.External), ("guest", KvpPool.Guest), ("auto", KvpPool.Auto), ("host", KvpPool.AutoExternal)];

    /// <summary>Pools that <c>kvp</c> knows, in the order of their numbers.</summary>
    public static IEnumerable<KvpPool> KnownPools => Pools.Select(static pool => pool.Pool);

    /// <summary>Whether a line that begins with this word is for <see cref="Parse(string)"/>.</summary>
    public static bool IsVerb(string word) => Verbs.Contains(word, StringComparer.Ordinal);

    /// <summary>The word for a pool.</summary>
    public static string WordOf(KvpPool pool) => Array.Find(Pools, known => known.Pool == pool).Word;

    /// <summary>Reads a line whose first word is a verb.</summary>
    /// <exception cref="UsageException">The rest is wrong; the message says what is right.</exception>
    public static new IntegrationCommand Parse(string line) => Parse(QuotedWords.Split(line));

    /// <summary>Reads the words of a line, the first of which is a verb.</summary>
    /// <exception cref="UsageException">The rest is wrong; the message says what is right.</exception>
    public static IntegrationCommand Parse(params string[] words)
        => words switch
        {
            ["services"] => new ListServices(),
            ["shutdown"] => new ShutDown(GuestShutdown.PowerOff, false),
            ["shutdown", "force"] => new ShutDown(GuestShutdown.PowerOff, true),
            ["reboot"] => new ShutDown(GuestShutdown.Reboot, false),
            ["reboot", "force"] => new ShutDown(GuestShutdown.Reboot, true),
            ["hibernate"] => new ShutDown(GuestShutdown.Hibernate, false),
            ["heartbeat"] => new ShowHeartbeat(),
            ["time", "sync"] => new SynchronizeTime(),
            ["kvp", "list"] => new ListItems(null),
            ["kvp", "list", var pool] => new ListItems(ParsePool(pool)),
            ["kvp", "get", var key] => new GetItem(SplitKey(key).Pool, SplitKey(key).Key),
            ["kvp", "set", var key, var value] => new SetItem(SplitKey(key).Pool ?? KvpPool.External, SplitKey(key).Key, value),
            ["kvp", "remove", var key] => new RemoveItem(SplitKey(key).Pool ?? KvpPool.External, SplitKey(key).Key),
            ["ip"] => new ShowAddresses(),
            ["ip", "set", var nic, .. var addresses] when addresses.Length > 0 => new SetAddresses(nic, ParseAddresses(addresses)),
            ["freeze"] => new Freeze(TimeSpan.FromSeconds(DefaultRestSeconds)),
            ["freeze", var seconds] => new Freeze(ParseRest(seconds)),
            ["thaw"] => new Thaw(),
            ["copy", var file, var guestPath, .. var flags] => new Copy(file, guestPath, ParseFlags(flags)),
            ["time", ..] => throw new UsageException("time takes sync: time sync"),
            ["kvp", "get", ..] => throw new UsageException("kvp get takes one key: kvp get [POOL:]KEY"),
            ["kvp", "set", ..] => throw new UsageException("kvp set takes a key and a value, in quotes when it has spaces: kvp set [POOL:]KEY VALUE"),
            ["kvp", "remove", ..] => throw new UsageException("kvp remove takes one key: kvp remove [POOL:]KEY"),
            ["kvp", ..] => throw new UsageException("kvp takes list, get, set or remove; 'help' tells more."),
            ["ip", ..] => throw new UsageException("ip takes nothing, or set: ip set ID dhcp, ip set ID ADDRESS/PREFIX [gateway ADDRESS] [dns ADDRESS]"),
            ["copy", ..] => throw new UsageException("copy takes a file and a path in the guest: copy FILE GUESTPATH [overwrite] [create]"),
            ["freeze", ..] => throw new UsageException("freeze takes at most a number of seconds: freeze [SECONDS]"),
            ["shutdown" or "reboot", var more, ..] => throw new UsageException($"{words[0]} takes force or nothing after it, and '{more}' is there."),
            _ => throw new UsageException($"{words[0]} takes nothing after it, and '{words[1]}' is there."),
        };

    private static KvpPool ParsePool(string word)
    {
        foreach ((string known, KvpPool pool) in Pools)
        {
            if (string.Equals(known, word, StringComparison.Ordinal)) return pool;
        }

        throw new UsageException($"'{word}' is no pool; it is one of {string.Join(", ", Pools.Select(static pool => pool.Word))}.");
    }

    // A key may have a colon of its own: only a pool's name before it counts.
    private static (KvpPool? Pool, string Key) SplitKey(string text)
    {
        foreach ((string known, KvpPool pool) in Pools)
        {
            if (text.StartsWith(known + ":", StringComparison.Ordinal)) return (pool, text[(known.Length + 1)..]);
        }

        return (null, text);
    }

    private static TimeSpan ParseRest(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds >= 1 && seconds <= BackupService.LongestRest.TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"'{text}' is no time to rest: write whole seconds, 1 to {BackupService.LongestRest.TotalSeconds}.");

    private static FileCopyFlags ParseFlags(string[] words)
    {
        FileCopyFlags flags = FileCopyFlags.None;
        foreach (string word in words)
        {
            flags |= word switch
            {
                "overwrite" => FileCopyFlags.Overwrite,
                "create" => FileCopyFlags.CreatePath,
                _ => throw new UsageException($"copy takes overwrite and create after the paths, and '{word}' is there; a path with spaces goes into quotes."),
            };
        }

        return flags;
    }

    private static KvpAddresses ParseAddresses(string[] words)
    {
        var none = KvpAddresses.Of("");
        if (words is ["dhcp"]) return none with { Families = KvpAddressFamilies.IPv4, Dhcp = true };
        if (!IPNetwork.TryParse(AsNetwork(words[0]), out IPNetwork network) || words.Length % 2 == 0)
            throw new UsageException($"'{words[0]}' is no address: write dhcp, or an address and the length of its prefix, as 10.0.0.2/24.");
        bool isOld = network.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        List<string> gateways = [], nameServers = [];
        for (int i = 1; i < words.Length; i += 2)
        {
            List<string> list = words[i] switch
            {
                "gateway" => gateways,
                "dns" => nameServers,
                _ => throw new UsageException($"ip set takes gateway and dns after the address, and '{words[i]}' is there."),
            };
            if (!IPAddress.TryParse(words[i + 1], out IPAddress? address)) throw new UsageException($"'{words[i + 1]}' is no address.");
            list.Add(address.ToString());
        }

        string subnet = isOld
            ? new IPAddress(BitConverter.GetBytes(IPAddress.HostToNetworkOrder((int)(uint.MaxValue << (32 - network.PrefixLength))))).ToString()
            : network.PrefixLength.ToString(CultureInfo.InvariantCulture);
        return none with
        {
            Families = isOld ? KvpAddressFamilies.IPv4 : KvpAddressFamilies.IPv6,
            Addresses = [words[0].Split('/')[0]],
            Subnets = [subnet],
            Gateways = gateways,
            NameServers = nameServers,
        };
    }

    // A network has no host bits; here they are wanted, so only the form and the prefix are looked at.
    private static string AsNetwork(string text)
    {
        string[] parts = text.Split('/');
        if (parts.Length != 2 || !IPAddress.TryParse(parts[0], out IPAddress? address)) return "";
        int bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        bool isPrefix = int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int prefix) && prefix >= 1 && prefix <= bits;
        return isPrefix ? $"{(bits == 32 ? "0.0.0.0" : "::")}/{prefix}" : "";
    }

    /// <summary><c>services</c>.</summary>
    internal sealed record ListServices : IntegrationCommand;

    /// <summary><c>shutdown</c>, <c>reboot</c>, <c>hibernate</c>.</summary>
    internal sealed record ShutDown(GuestShutdown Action, bool Force) : IntegrationCommand;

    /// <summary><c>heartbeat</c>.</summary>
    internal sealed record ShowHeartbeat : IntegrationCommand;

    /// <summary><c>time sync</c>.</summary>
    internal sealed record SynchronizeTime : IntegrationCommand;

    /// <summary><c>kvp list</c>.</summary>
    internal sealed record ListItems(KvpPool? Pool) : IntegrationCommand;

    /// <summary><c>kvp get</c>.</summary>
    internal sealed record GetItem(KvpPool? Pool, string Key) : IntegrationCommand;

    /// <summary><c>kvp set</c>.</summary>
    internal sealed record SetItem(KvpPool Pool, string Key, string Value) : IntegrationCommand;

    /// <summary><c>kvp remove</c>.</summary>
    internal sealed record RemoveItem(KvpPool Pool, string Key) : IntegrationCommand;

    /// <summary><c>ip</c>.</summary>
    internal sealed record ShowAddresses : IntegrationCommand;

    /// <summary><c>ip set</c>.</summary>
    internal sealed record SetAddresses(string Nic, KvpAddresses Addresses) : IntegrationCommand;

    /// <summary><c>freeze</c>.</summary>
    internal sealed record Freeze(TimeSpan Limit) : IntegrationCommand;

    /// <summary><c>thaw</c>.</summary>
    internal sealed record Thaw : IntegrationCommand;

    /// <summary><c>copy</c>.</summary>
    internal sealed record Copy(string File, string GuestPath, FileCopyFlags Flags) : IntegrationCommand;
}
