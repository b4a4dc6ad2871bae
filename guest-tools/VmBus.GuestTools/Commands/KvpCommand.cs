using System.CommandLine;
using System.Globalization;
using VmBus.GuestTools.KeyValues;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary><c>vmbus-guest kvp</c>: the pools of this guest.</summary>
internal static class KvpCommand
{
    // Where a key is looked for without a pool: first what people wrote.
    private static readonly KvpPool[] SearchOrder = [KvpPool.External, KvpPool.Guest, KvpPool.Auto, KvpPool.AutoExternal];

    /// <summary>Builds the command.</summary>
    public static Command Create() => new(
        "kvp",
        "Reads and writes the key-value pairs that this guest and its host exchange. POOL: external (the host's people write it), guest (programs here do), auto (this guest itself), host (the host itself) or internal.")
    {
        CreateList(), CreateGet(), CreateSet(), CreateRemove(),
    };

    private static Command CreateList()
    {
        Argument<string?> pool = new("POOL") { Description = "Which; all without", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("list", "Lists items, a line for each: POOL:KEY = VALUE, with characters escaped that a terminal would act on.") { pool };
        command.SetAction(parsed =>
        {
            KvpPool[] wanted = parsed.GetValue(pool) is { } name ? [PoolKey.ParsePool(name)] : SearchOrder;
            foreach (KvpPool one in wanted)
            {
                foreach (KvpItem item in Pools().Read(one)) Console.Out.WriteLine($"{KvpPools.Names[(int)one]}:{PeerText.Escape(item.Key)} = {PeerText.Escape(item.Value)}");
            }

            return ExitStatus.Success;
        });
        return command;
    }

    private static Command CreateGet()
    {
        Argument<string> key = new("[POOL:]KEY") { Description = "Its key; without POOL it is looked for in external, guest, auto and host" };
        var command = new Command("get", "Prints the value of an item, as it is.") { key };
        command.SetAction(parsed =>
        {
            var wanted = PoolKey.Parse(parsed.GetValue(key)!);
            foreach (KvpPool pool in wanted.Pool is { } one ? [one] : SearchOrder)
            {
                foreach (KvpItem item in Pools().Read(pool).Where(item => item.Key == wanted.Key))
                {
                    Console.Out.WriteLine(item.Value);
                    return ExitStatus.Success;
                }
            }

            throw NoSuchKey(wanted);
        });
        return command;
    }

    private static Command CreateSet()
    {
        Argument<string> key = new("[POOL:]KEY") { Description = "Its key; in the pool guest without POOL" };
        Argument<string> value = new("VALUE") { Description = "Its value" };
        var command = new Command("set", "Adds or replaces an item.") { key, value };
        command.SetAction(parsed =>
        {
            var wanted = PoolKey.Parse(parsed.GetValue(key)!);
            KvpPoolFile file = Writable(wanted);
            return Judge(file, wanted, file.Set(new KvpItem(wanted.Key, parsed.GetValue(value)!)));
        });
        return command;
    }

    private static Command CreateRemove()
    {
        Argument<string> key = new("[POOL:]KEY") { Description = "Its key; in the pool guest without POOL" };
        var command = new Command("remove", "Removes an item.") { key };
        command.SetAction(parsed =>
        {
            var wanted = PoolKey.Parse(parsed.GetValue(key)!);
            KvpPoolFile file = Writable(wanted);
            return Judge(file, wanted, file.Remove(wanted.Key));
        });
        return command;
    }

    private static KvpPools Pools() => new(KvpPools.DefaultFolder, new AutoPool("/").Create);

    private static KvpPoolFile Writable(PoolKey key) => key.Pool == KvpPool.Auto
        ? throw new ToolException("The pool auto is made up by this guest as it is asked: nothing is written to it; the pool guest is for that.", ExitStatus.BadUsage)
        : Pools().File(key.Pool ?? KvpPool.Guest);

    private static int Judge(KvpPoolFile file, PoolKey key, PoolStatus status) => status switch
    {
        PoolStatus.Done => ExitStatus.Success,
        PoolStatus.NoSuchKey => throw NoSuchKey(key),
        PoolStatus.DoesNotFit => throw new ToolException(
            string.Create(CultureInfo.InvariantCulture, $"'{PeerText.Escape(key.Key, 64)}' or its value does not fit: a key has 1 to {KvpPoolFile.KeyBytes - 1} bytes, a value at most {KvpPoolFile.ValueBytes - 1}."),
            ExitStatus.BadUsage),
        PoolStatus.Full => throw new ToolException($"{file.Path} has {KvpPoolFile.MaximumItems} items and takes no more: remove some with 'vmbus-guest kvp remove'."),
        PoolStatus.Locked => throw new ToolException($"{file.Path} is kept locked by another program: try again, or end that program ('fuser {file.Path}' names it)."),
    };

    private static ToolException NoSuchKey(PoolKey key)
    {
        string place = key.Pool is { } pool ? $" in the pool {KvpPools.Names[(int)pool]}" : "";
        return new($"There is no key '{PeerText.Escape(key.Key, 64)}'{place}: 'vmbus-guest kvp list' shows those that are.");
    }
}
