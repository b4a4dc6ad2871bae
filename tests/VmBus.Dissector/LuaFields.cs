using System.Globalization;
using System.Text;
using VmBus.TestKit.SpecTables;

namespace VmBus.Dissector;

/// <summary>The fields of all layouts: those that are named and read alike are one, so that a filter finds all of them.</summary>
internal sealed class LuaFields
{
    private readonly Dictionary<string, string> _declarations = new(StringComparer.Ordinal);

    /// <summary>How they are declared.</summary>
    public string Text
    {
        get
        {
            var text = new StringBuilder("local fields = {\n");
            foreach ((string key, string declaration) in _declarations) text.Append(CultureInfo.InvariantCulture, $"    [{DissectorText.Quote(key)}] = {declaration},\n");
            return text.Append("}\n").ToString();
        }
    }

    /// <summary>What the plan says of a field.</summary>
    public static PlannedField? Shown(PlannedLayout layout, string name)
        => DissectorPlan.Fields.GetValueOrDefault($"{layout.Key}.{name}") ?? DissectorPlan.Fields.GetValueOrDefault($"{layout.Prefix}.{name}");

    /// <summary>Declares a field, or finds one that is the same.</summary>
    /// <param name="layout">The layout it is of.</param>
    /// <param name="field">The row of the page.</param>
    /// <param name="name">Its name.</param>
    /// <returns>Its key, and by what dissector.lua reads it.</returns>
    public (string Key, string Kind) Add(PlannedLayout layout, SpecField field, string name)
    {
        string kind = KindOf(layout, field, name);
        string key = $"{layout.Prefix}.{name}";
        if (_declarations.TryGetValue(key, out string? declared) && declared != Declaration(layout, field, name, kind, key)) key = $"{layout.Prefix}.{layout.Key}_{name}";
        string declaration = Declaration(layout, field, name, kind, key);
        if (_declarations.TryGetValue(key, out declared) && declared != declaration) throw new InvalidDataException($"{layout.Page}#{layout.Anchor}: '{field.Name}' needs another name.");
        _declarations[key] = declaration;
        return (key, kind);
    }

    private static string KindOf(PlannedLayout layout, SpecField field, string name)
    {
        if (DissectorPlan.Texts.Contains($"{layout.Key}.{name}")) return "text";
        if (field.Bytes == 16 && DissectorPlan.Guids.Contains(name)) return "guid";
        return field.Bytes is 1 or 2 or 4 or 8 ? "number" : "bytes";
    }

    private static string Declaration(PlannedLayout layout, SpecField field, string name, string kind, string key)
    {
        string filter = DissectorText.Quote($"vmbus.{key}"), title = DissectorText.Quote(field.Name);
        switch (kind)
        {
            case "text":
                return $"ProtoField.string({filter}, {title})";
            case "guid":
                return $"ProtoField.guid({filter}, {title})";
            case "bytes":
                return $"ProtoField.bytes({filter}, {title})";
        }

        PlannedField? shown = Shown(layout, name);
        string display = shown is { IsFlags: true } || DissectorPlan.Hexadecimal.Contains(name) || shown is { Numbers: "status" or "vstor_status" or "ic_status" or "vmbus_versions" or "nvsp_versions" or "vstor_versions" }
            ? "base.HEX"
            : "base.DEC";
        string values = shown is { IsFlags: false } ? $", names.{shown.Numbers}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"ProtoField.uint{field.Bytes * 8}({filter}, {title}, {display}{values})");
    }
}
