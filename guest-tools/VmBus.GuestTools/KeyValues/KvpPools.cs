using System.Globalization;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.KeyValues;

/// <summary>The pools of this guest. Source: protocol-spec/integration-data.md#pools.</summary>
/// <param name="folder">Where their files are.</param>
/// <param name="makeAuto">Makes up the pool that has no file: what this guest tells of itself.</param>
internal sealed class KvpPools(string folder, Func<IReadOnlyList<KvpItem>> makeAuto)
{
    /// <summary>Where Linux guests keep them.</summary>
    public const string DefaultFolder = "/var/lib/hyperv";

    /// <summary>Names of the pools in commands, by number.</summary>
    public static IReadOnlyList<string> Names { get; } = ["external", "guest", "auto", "host", "internal"];

    /// <summary>The file of a pool.</summary>
    public KvpPoolFile File(KvpPool pool) => new(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".kvp_pool_{(int)pool}")));

    /// <summary>The items of a pool.</summary>
    public IReadOnlyList<KvpItem> Read(KvpPool pool) => pool == KvpPool.Auto ? makeAuto() : File(pool).Read();

    /// <summary>Whether the host may read a pool.</summary>
    public static bool IsExchanged(KvpPool pool) => pool <= KvpPool.AutoExternal;

    /// <summary>Whether the host may change a pool: not what the guest tells of itself.</summary>
    public static bool IsHostWritable(KvpPool pool) => IsExchanged(pool) && pool != KvpPool.Auto;
}
