using System.Globalization;
using VmBus.Native.Kvm;
using VmBus.TestKit.SpecTables;

namespace VmBus.Machine.Tests.Processors;

/// <summary>The tables of protocol-spec/machine.md#cpuid, carried out: what each processor's CPUID is when KVM has this.</summary>
internal sealed class CpuidSpec
{
    private const uint HyperVBase = 0x4000_0000;
    private static readonly string[] Registers = ["EAX", "EBX", "ECX", "EDX"];

    private readonly List<Row> _rows = [];
    private readonly List<(uint First, uint Last)> _leftOut = [];

    internal CpuidSpec()
    {
        var page = SpecPage.Load("machine.md");
        SpecTable rules = page.Table("cpuid");
        for (int row = 0; row < rules.RowCount; row++)
        {
            string[] leaf = rules.Cell(row, "leaf").Split('.');
            int? index = leaf.Length > 1 ? int.Parse(leaf[1], CultureInfo.InvariantCulture) : null;
            foreach (string register in rules.Cell(row, "register").Split(", "))
                _rows.Add(new Row(Number(leaf[0]), index, Array.IndexOf(Registers, register), (uint)rules.Number(row, "keep"), rules.Cell(row, "set")));
        }

        SpecTable left = page.Table("leaves-left-out");
        for (int row = 0; row < left.RowCount; row++) _leftOut.Add(((uint)left.Number(row, "first"), (uint)left.Number(row, "last")));
    }

    /// <summary>Leaf, index and register of every row.</summary>
    internal IEnumerable<(uint Leaf, int Index, int Register)> Places => _rows.Select(row => (row.Leaf, row.Index ?? 0, row.Register));

    /// <summary>What the page makes of KVM's leaves, by leaf and index.</summary>
    internal SortedDictionary<(uint Leaf, uint Index), uint[]> Apply(
        kvm_cpuid_entry2[] supported, kvm_cpuid_entry2[] hyperV, int count, int id, bool deadline)
    {
        var table = new SortedDictionary<(uint Leaf, uint Index), uint[]>();
        foreach (kvm_cpuid_entry2 entry in supported)
        {
            if (entry.function is >= HyperVBase and <= 0x4FFF_FFFF || IsLeftOut(entry.function)) continue;
            table[(entry.function, entry.index)] = [entry.eax, entry.ebx, entry.ecx, entry.edx];
        }

        // Of the topology leaf there are as many indices as the page has, whatever KVM has.
        if (table.Keys.Any(key => key.Leaf == 0xB))
        {
            foreach ((uint, uint) key in table.Keys.Where(key => key.Leaf == 0xB).ToList()) table.Remove(key);
            foreach (Row row in _rows.Where(row => row.Index is not null)) table.TryAdd((row.Leaf, (uint)row.Index!), new uint[4]);
        }

        foreach (Row row in _rows.Where(row => row.Leaf >= HyperVBase && row.Leaf < 0x5000_0000 && !table.ContainsKey((row.Leaf, 0))))
        {
            kvm_cpuid_entry2 entry = Array.Find(hyperV, entry => entry.function == row.Leaf);
            table.Add((row.Leaf, 0), [entry.eax, entry.ebx, entry.ecx, entry.edx]);
        }

        foreach (((uint leaf, uint index), uint[] values) in table)
        {
            uint cache = values[0];
            foreach (Row row in _rows.Where(row => row.Leaf == leaf && (row.Index is null || row.Index == index)))
            {
                if (leaf == 4 && (cache & 0x1F) == 0) continue;
                values[row.Register] = (values[row.Register] & row.Keep) | Sum(row.Set, count, id, deadline, (cache >> 5) & 7);
            }
        }

        return table;
    }

    /// <summary>A number, or one of the page's names.</summary>
    internal static ulong Value(string term, int count, int id, bool deadline = false, uint cacheLevel = 0)
    {
        if (SpecTable.TryNumber(term, out ulong number)) return number;
        int bits = 0;
        while (1 << bits < count) bits++;
        uint cores = (1u << bits) - 1;
        return term switch
        {
            "id" => (uint)id,
            "count" => (uint)count,
            "last" => (uint)count - 1,
            "bits" => (uint)bits,
            "siblings" => count > 1 ? 1u : 0,
            "deadline" => deadline ? 1u : 0,
            "cores" => Math.Min(cores, 63),
            "shared" => cacheLevel > 2 ? cores : 0,
            _ => throw new InvalidDataException($"machine.md#cpuid names '{term}', which this test does not know."),
        };
    }

    private static uint Sum(string set, int count, int id, bool deadline, uint cacheLevel)
    {
        uint sum = 0;
        foreach (string term in set.Split(", "))
        {
            string[] parts = term.Split(" << ");
            int shift = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            sum |= (uint)Value(parts[0], count, id, deadline, cacheLevel) << shift;
        }

        return sum;
    }

    private static uint Number(string text)
        => SpecTable.TryNumber(text, out ulong value) ? (uint)value : throw new InvalidDataException($"machine.md#cpuid: '{text}' is no leaf.");

    private bool IsLeftOut(uint leaf) => _leftOut.Exists(range => leaf >= range.First && leaf <= range.Last);

    private sealed record Row(uint Leaf, int? Index, int Register, uint Keep, string Set);
}
