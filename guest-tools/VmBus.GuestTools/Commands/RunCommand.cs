using System.CommandLine;
using VmBus.GuestTools.Addresses;
using VmBus.GuestTools.Backup;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.Exec;
using VmBus.GuestTools.Files;
using VmBus.GuestTools.KeyValues;
using VmBus.GuestTools.Time;
using VmBus.Native.Linux;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest run</c>: the daemon.</summary>
internal static class RunCommand
{
    /// <summary>The device of key-value pairs.</summary>
    public const string KvpDevice = "/dev/vmbus/hv_kvp";

    /// <summary>The device of backups.</summary>
    public const string VssDevice = "/dev/vmbus/hv_vss";

    private const int MaximumThawSeconds = 3600;

    // The kernel works no more than half a second off gradually.
    private const int MaximumStepMilliseconds = 500;

    // Without a name: what a host may ask of any guest. Who runs exec makes the host's users root here, so it is named.
    private static readonly string[] UsualServices = ["kvp", "vss", "fcopy", "time"];
    private static readonly string[] AllServices = [.. UsualServices, "exec"];

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Argument<string[]> services = new("SERVICE") { Description = $"Which: {string.Join(", ", AllServices)}; all but exec without", Arity = ArgumentArity.ZeroOrMore };
        services.AcceptOnlyFromAmong(AllServices);
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
        Option<string> filesBelow = FolderOption("--files-below", "Where fcopy begins the host's paths, as if it were /; no link below it is followed", "/");
        Option<int> stepBeyond = new("--step-beyond")
        {
            Description = "Milliseconds beyond which time sets the clock at once and not gradually",
            DefaultValueFactory = static _ => 400,
            HelpName = "MILLISECONDS",
        };
        stepBeyond.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaximumStepMilliseconds) result.AddError($"--step-beyond takes 1 to {MaximumStepMilliseconds} milliseconds.");
        });
        var command = new Command("run", "Serves the host's requests until it is ended; the systemd units run it.")
        {
            services, thawAfter, freezeHooks, addressHooks, filesBelow, stepBeyond,
        };
        command.SetAction(parsed =>
        {
            var log = new DaemonLog();
            IEnumerable<string> wanted = parsed.GetValue(services) is { Length: > 0 } some ? some.Distinct(StringComparer.Ordinal) : UsualServices;
            var parts = new List<IGuestService>();
            foreach (string name in wanted)
            {
                parts.Add(name switch
                {
                    "kvp" => CreateKvp(parsed.GetValue(addressHooks)!, log),
                    "vss" => CreateVss(TimeSpan.FromSeconds(parsed.GetValue(thawAfter)), parsed.GetValue(freezeHooks)!, log),
                    "fcopy" => CreateFileCopy(parsed.GetValue(filesBelow)!, log),
                    "time" => new TimeService(new ClockCorrection(new KernelClock(), TimeSpan.FromMilliseconds(parsed.GetValue(stepBeyond)), log), log),
                    "exec" => new ExecService(log),
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
        return new DeviceService("kvp", KvpDevice, new KvpHandler(pools, adapters, log), log);
    }

    private static DeviceService CreateVss(TimeSpan thawAfter, string hooks, DaemonLog log)
    {
        int result = ProcessMemory.KeepResident();
        if (result < 0) log.Warn($"vss: this program may be paged out while file systems are frozen: {LinuxException.DescribeError(-result)}");
        var frozen = new FrozenRecord(FrozenRecord.DefaultPath);
        var told = new FrozenRecord(FrozenRecord.DefaultHooksPath);
        // Where no service manager has done it.
        new LeftOver(frozen, told).Thaw(line => log.Fail($"vss: {line}"));
        var handler = new VssHandler(new FileSystems(frozen, log), new FreezeHooks(new HookFolder(hooks), told, log), thawAfter, log, frozen.TakeUntold());
        return new DeviceService("vss", VssDevice, handler, log);
    }

    private static FileCopyService CreateFileCopy(string root, DaemonLog log)
    {
        if (!Directory.Exists(root)) throw new ToolException($"--files-below: there is no folder '{PeerText.Escape(root, 256)}': make it first.");
        return new FileCopyService(new FileCopySteps(new FileReceiver(root), log), log);
    }
}
