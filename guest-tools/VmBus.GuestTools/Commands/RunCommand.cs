using System.CommandLine;
using VmBus.GuestTools.Addresses;
using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.KeyValues;
using VmBus.Native.Linux;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest run</c>: the daemon.</summary>
internal static class RunCommand
{
    private const int MaximumThawSeconds = 3600;

    private static readonly string[] ServiceNames = ["kvp", "vss"];

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Argument<string[]> services = new("SERVICE") { Description = $"Which: {string.Join(", ", ServiceNames)}; all without", Arity = ArgumentArity.ZeroOrMore };
        services.AcceptOnlyFromAmong(ServiceNames);
        Option<int> thawAfter = new("--thaw-after") { Description = "Seconds after which vss thaws by itself what the host has not", DefaultValueFactory = static _ => 120, HelpName = "SECONDS" };
        thawAfter.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaximumThawSeconds) result.AddError($"--thaw-after takes 1 to {MaximumThawSeconds} seconds.");
        });
        Option<string> freezeHooks = FolderOption("--freeze-hooks", "Its programs are run with 'freeze' before and 'thaw' after the file systems are frozen", FreezeHooks.DefaultFolder);
        Option<string> addressHooks = FolderOption(
            "--ip-hooks",
            "Its programs put addresses to use that the host sets: the interface is the argument, VMBUS_ADDRESSES, VMBUS_GATEWAYS, VMBUS_DNS and VMBUS_DHCP are in the environment; without any, 'ip' does until the next start",
            AddressApplier.DefaultHooks);
        var command = new Command("run", "Serves the host's requests until it is ended; the systemd units run it.") { services, thawAfter, freezeHooks, addressHooks };
        command.SetAction(parsed =>
        {
            var log = new DaemonLog();
            IEnumerable<string> wanted = parsed.GetValue(services) is { Length: > 0 } some ? some.Distinct(StringComparer.Ordinal) : ServiceNames;
            var parts = new List<IGuestService>();
            foreach (string name in wanted)
            {
                parts.Add(name switch
                {
                    "kvp" => CreateKvp(parsed.GetValue(addressHooks)!, log),
                    "vss" => CreateVss(TimeSpan.FromSeconds(parsed.GetValue(thawAfter)), parsed.GetValue(freezeHooks)!, log),
                    _ => throw new InvalidOperationException($"There is no service {name}."),
                });
            }

            return GuestDaemon.Run(parts, log);
        });
        return command;
    }

    private static Option<string> FolderOption(string name, string description, string value)
        => new(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "FOLDER" };

    private static DeviceService CreateKvp(string hooks, DaemonLog log)
    {
        var pools = new KvpPools(KvpPools.DefaultFolder, new AutoPool("/").Create);
        var adapters = new AdapterAddresses(new AddressApplier(new HookFolder(hooks)));
        return new DeviceService("kvp", "/dev/vmbus/hv_kvp", new KvpHandler(pools, adapters, log), log, static () => false);
    }

    private static DeviceService CreateVss(TimeSpan thawAfter, string hooks, DaemonLog log)
    {
        int result = ProcessMemory.KeepResident();
        if (result < 0) log.Warn($"vss: this program may be paged out while file systems are frozen: {LinuxException.DescribeError(-result)}");
        var systems = new FileSystems(new FrozenRecord(FrozenRecord.DefaultPath), log);
        return new DeviceService("vss", "/dev/vmbus/hv_vss", new VssHandler(systems, new FreezeHooks(new HookFolder(hooks), log), thawAfter, log), log, static () => false);
    }
}
