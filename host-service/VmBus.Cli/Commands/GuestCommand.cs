using System.CommandLine;
using VmBus.Cli.Monitor;

namespace VmBus.Cli.Commands;

/// <summary>The commands for the guest of a running partition itself, through its own drivers and daemons.</summary>
internal static class GuestCommand
{
    /// <summary>Builds the commands.</summary>
    public static IEnumerable<Command> CreateAll()
    {
        yield return Create("services", "Lists the integration services, and how each stands with the guest.");
        yield return Create("heartbeat", "Tells whether the guest is alive.");
        yield return Create("shutdown", "Asks the guest to power off, and does not wait for the end as 'stop' does.", Force());
        yield return Create("reboot", "Asks the guest to start again.", Force());
        yield return Create("hibernate", "Asks the guest to save its memory to its disk and power off.");
        yield return new Command("time", "Sets the guest's clock.") { Create(["time", "sync"], "Has the guest set its clock to the host's.") };
        yield return new Command("kvp", "Exchanges key-value pairs with the guest. POOL: external (written here), guest, auto (the guest's own) or host.")
        {
            Create(["kvp", "list"], "Lists the items of a pool, or of all.", Optional("POOL", "Which pool")),
            Create(["kvp", "get"], "Prints the value of an item.", Word("[POOL:]KEY", "Its key")),
            Create(["kvp", "set"], "Adds or replaces an item; in the pool external without POOL.", Word("[POOL:]KEY", "Its key"), Word("VALUE", "Its value")),
            Create(["kvp", "remove"], "Removes an item; from the pool external without POOL.", Word("[POOL:]KEY", "Its key")),
        };
        yield return new Command("ip", "Shows and sets the addresses that the guest uses on the partition's network adapters.")
        {
            Create(["ip"], "Shows the addresses of each network adapter.", "list"),
            Create(
                ["ip", "set"],
                "Has the guest use addresses on a network adapter.",
                Word("ID", "The adapter, as 'vmbus nic list' shows it"),
                Words("ADDRESS", "dhcp, or ADDRESS/PREFIX [gateway ADDRESS] [dns ADDRESS]…", ArgumentArity.OneOrMore)),
        };
        yield return Create(
            "freeze", "Brings the guest's file systems to rest, so that its disks can be copied.", Optional("SECONDS", "They are thawed by themselves after so long: 60 without, at most 900"));
        yield return Create("thaw", "Lets the guest's file systems go on.");
        yield return Create(
            "copy",
            "Copies a file into the guest.",
            Word("FILE", "The file"),
            Word("GUESTPATH", "Where it goes; with / at its end a folder"),
            Words("overwrite|create", "overwrite: replace a file that is there; create: make the folders on the way", ArgumentArity.ZeroOrMore));
    }

    private static Argument<string> Word(string name, string description) => new(name) { Description = description };

    private static Argument<string?> Optional(string name, string description) => new(name) { Description = description, Arity = ArgumentArity.ZeroOrOne };

    private static Argument<string[]> Words(string name, string description, ArgumentArity arity) => new(name) { Description = description, Arity = arity };

    private static Argument<string?> Force() => Optional("force", "Write 'force' not to wait for those who are logged in");

    private static Command Create(string verb, string description, params Argument[] arguments) => Create([verb], description, arguments);

    private static Command Create(string[] verbs, string description, params Argument[] arguments) => Create(verbs, description, verbs[^1], arguments);

    // The arguments in their order are the words of the monitor's command.
    private static Command Create(string[] verbs, string description, string name, params Argument[] arguments)
        => ControlCommand.Create(name, description, arguments, parsed => IntegrationCommand.Parse([.. verbs, .. arguments.SelectMany(argument => argument switch
        {
            Argument<string[]> many => parsed.GetValue(many) ?? [],
            Argument<string> one => parsed.GetValue(one) is { } word ? [word] : Array.Empty<string>(),
            _ => throw new InvalidOperationException("There are no other arguments."),
        })]));
}
