using VmBus.GuestTools.KeyValues;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Commands;

/// <summary>A key on the command line, with its pool in front of a colon or without.</summary>
/// <param name="Pool">The pool, or null.</param>
/// <param name="Key">The key.</param>
internal readonly record struct PoolKey(KvpPool? Pool, string Key)
{
    /// <summary>Reads <c>[POOL:]KEY</c>. A key may have colons of its own: only the name of a pool is one.</summary>
    public static PoolKey Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && IndexOf(text[..colon]) is >= 0 and var index ? new((KvpPool)index, text[(colon + 1)..]) : new(null, text);
    }

    /// <summary>Reads the name of a pool.</summary>
    /// <exception cref="ToolException">There is none of that name.</exception>
    public static KvpPool ParsePool(string name) => IndexOf(name) is >= 0 and var index
        ? (KvpPool)index
        : throw new ToolException($"There is no pool '{PeerText.Escape(name, 64)}': the pools are {string.Join(", ", KvpPools.Names)}.", ExitStatus.BadUsage);

    private static int IndexOf(string name) => KvpPools.Names.ToList().IndexOf(name);
}
