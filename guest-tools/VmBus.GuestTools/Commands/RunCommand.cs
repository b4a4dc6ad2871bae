using System.CommandLine;
using VmBus.GuestTools.Addresses;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.KeyValues;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest run</c>: the daemon.</summary>
internal static class RunCommand
{
    private static readonly Dictionary<string, Func<DaemonLog, IGuestService>> Services = new(StringComparer.Ordinal)
    {
        ["kvp"] = CreateKvp,
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Argument<string[]> services = new("SERVICE") { Description = $"Which: {string.Join(", ", Services.Keys)}; all without", Arity = ArgumentArity.ZeroOrMore };
        services.AcceptOnlyFromAmong([.. Services.Keys]);
        var command = new Command("run", "Serves the host's requests until it is ended; the systemd units run it.") { services };
        command.SetAction(parsed =>
        {
            var log = new DaemonLog();
            IEnumerable<string> wanted = parsed.GetValue(services) is { Length: > 0 } some ? some.Distinct(StringComparer.Ordinal) : Services.Keys;
            return GuestDaemon.Run([.. wanted.Select(name => Services[name](log))], log);
        });
        return command;
    }

    private static DeviceService CreateKvp(DaemonLog log)
    {
        var pools = new KvpPools(KvpPools.DefaultFolder, new AutoPool("/").Create);
        var adapters = new AdapterAddresses(new AddressApplier(new HookFolder(AddressApplier.DefaultHooks)));
        return new DeviceService("kvp", "/dev/vmbus/hv_kvp", new KvpHandler(pools, adapters, log), log, static () => false);
    }
}
