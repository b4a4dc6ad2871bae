using System.Globalization;
using System.Text;
using VmBus.TestKit.SpecTables;

namespace VmBus.Dissector;

/// <summary>The dissector: tables of the pages as Lua, then the code that reads bytes by them.</summary>
public static class DissectorText
{
    private const string ChannelPage = "channel.md";
    private const string MessagePage = "channel-messages.md";
    private const string MessagePrefix = "msg";

    /// <summary>All of the file.</summary>
    /// <exception cref="InvalidDataException">A page has no table that the plan names, or a channel message no layout.</exception>
    public static string Make()
    {
        var text = new StringBuilder();
        text.Append(
            """
            -- Shows what 'vmbus trace' records (protocol-spec/trace.md) in Wireshark and tshark: as a file in the folder of personal Lua plugins,
            -- or by 'tshark -X lua_script:vmbus.lua -r FILE'. Made of the tables of protocol-spec/*.md by tests/VmBus.Dissector: a change belongs there.


            """);
        var fields = new LuaFields();
        var layouts = new StringBuilder();
        foreach (PlannedLayout plan in MessageLayouts().Concat(DissectorPlan.Layouts)) AppendLayout(layouts, fields, plan);
        AppendNumbers(text);
        text.Append(fields.Text).Append("\nlocal layouts = {\n").Append(layouts).Append("}\n\n");
        AppendMessages(text);
        AppendNetworkMessages(text);
        AppendDevices(text);
        using Stream code = typeof(DissectorText).Assembly.GetManifestResourceStream("dissector.lua")!;
        using var reader = new StreamReader(code);
        return text.Append(reader.ReadToEnd()).ToString();
    }

    /// <summary>A name as filters have it.</summary>
    internal static string Snake(string name)
    {
        var snake = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterOrDigit(c)) snake.Append(char.ToLowerInvariant(c));
            else if (snake.Length > 0 && snake[^1] != '_') snake.Append('_');
        }

        return snake.ToString().TrimEnd('_');
    }

    internal static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static string LayoutOf(string message)
    {
        string plain = message.EndsWith('2') ? message[..^1] : message;
        return DissectorPlan.SameLayout.GetValueOrDefault(plain, plain);
    }

    // One for each heading that a message has its layout under.
    private static IEnumerable<PlannedLayout> MessageLayouts()
    {
        var page = SpecPage.Load(MessagePage);
        SpecTable messages = page.Table("messages");
        return Enumerable.Range(0, messages.RowCount)
            .Select(row => Snake(LayoutOf(messages.Cell(row, "name"))))
            .Where(page.Anchors.Contains)
            .Distinct(StringComparer.Ordinal)
            .Select(static anchor => new PlannedLayout(anchor, MessagePrefix, MessagePage, anchor));
    }

    private static void AppendNumbers(StringBuilder text)
    {
        text.Append("local names = {\n");
        foreach (PlannedNumbers plan in DissectorPlan.Numbers)
        {
            SpecTable table = SpecPage.Load(plan.Page).Table(plan.Anchor, plan.Index);
            text.Append(CultureInfo.InvariantCulture, $"    {plan.Key} = {{ -- {plan.Page}#{plan.Anchor}\n");
            var seen = new HashSet<ulong>();
            for (int row = 0; row < table.RowCount; row++)
            {
                string name = table.Cell(row, plan.Name);
                if (name.StartsWith('(')) name = name.Trim('(', ')');
                ulong value = table.Number(row, plan.Column);
                if (plan.Column == "bit") value = 1ul << (int)value;
                // Variants follow their plain form, and service actions their command.
                if (plan.Column == "opcode") name = name.Split(':')[0];
                if (name.Length > 0 && seen.Add(value)) text.Append(CultureInfo.InvariantCulture, $"        [{Number(value)}] = {Quote(name)},\n");
            }

            text.Append("    },\n");
        }

        text.Append("}\n\n");
    }

    // Lua of before 5.3 has no whole numbers above 2^53, and needs none here.
    private static string Number(ulong value) => value < 256
        ? value.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"0x{value:X}");

    private static void AppendLayout(StringBuilder text, LuaFields fields, PlannedLayout plan)
    {
        var layout = SpecLayout.From(SpecPage.Load(plan.Page).Table(plan.Anchor, plan.Index));
        text.Append(CultureInfo.InvariantCulture, $"    {plan.Key} = {{ -- {plan.Page}#{plan.Anchor}\n");
        foreach (SpecField field in layout.Fields)
        {
            string name = Snake(field.Name);
            if (name is "padding" or "reserved" or "descriptor" or "header") continue;
            (string key, string kind) = fields.Add(plan, field, name);
            text.Append(CultureInfo.InvariantCulture, $"        {{ {field.Offset}, {field.Bytes?.ToString(CultureInfo.InvariantCulture) ?? "nil"}, {Quote(key)}, {Quote(kind)}");
            PlannedField? shown = LuaFields.Shown(plan, name);
            if (shown is { IsFlags: true }) text.Append(CultureInfo.InvariantCulture, $", names.{shown.Numbers}");
            text.Append(" },\n");
        }

        text.Append("    },\n");
    }

    private static void AppendMessages(StringBuilder text)
    {
        var page = SpecPage.Load(MessagePage);
        SpecTable table = page.Table("messages");
        SpecTable versions = SpecPage.Load(ChannelPage).Table("versions");
        var numbers = Enumerable.Range(0, versions.RowCount).ToDictionary(row => versions.Cell(row, "version"), row => versions.Number(row, "value"), StringComparer.Ordinal);
        text.Append("-- The forms of each channel message, plain first: name, bytes, the version from which on it is used, layout. channel-messages.md#messages\nlocal messages = {\n");
        foreach (IGrouping<ulong, int> number in Enumerable.Range(0, table.RowCount).GroupBy(row => table.Number(row, "number")))
        {
            text.Append(CultureInfo.InvariantCulture, $"    [{number.Key}] = {{");
            foreach (int row in number)
            {
                string name = table.Cell(row, "name"), anchor = Snake(LayoutOf(name));
                ulong bytes = table.Number(row, "size");
                bool hasLayout = page.Anchors.Contains(anchor);
                if (!hasLayout && bytes > 8) throw new InvalidDataException($"{ChannelPage}: {name} has {bytes} bytes and no layout.");
                text.Append(CultureInfo.InvariantCulture, $" {{ {Quote(name)}, {bytes}, {Number(numbers[table.Cell(row, "version")])}, {(hasLayout ? $"layouts.{anchor}" : "nil")} }},");
            }

            text.Append(" },\n");
        }

        text.Append("}\n\n");
    }

    private static void AppendNetworkMessages(StringBuilder text)
    {
        SpecNumbers numbers = SpecPage.Load("network.md").Numbers("messages");
        text.Append("-- network.md#messages\nlocal network_messages = {\n");
        foreach ((string name, string layout) in DissectorPlan.NetworkMessages.OrderBy(pair => numbers[pair.Key]))
            text.Append(CultureInfo.InvariantCulture, $"    [{numbers[name]}] = layouts.{layout}, -- {name}\n");
        text.Append("}\n\n");
    }

    private static void AppendDevices(StringBuilder text)
    {
        text.Append("-- What the devices are, by the bytes of their interface types.\nlocal devices = {\n");
        AppendDevices(text, "scsi", SpecPage.Load("storage.md").Table("offer"), static table => table.Cell(0, "interface type"));
        AppendDevices(text, "network", SpecPage.Load("network.md").Table("offer"), static table => table.Cell(0, "interface type"));
        AppendDevices(text, "memory", SpecPage.Load("dynamic-memory.md").Table("offer"), static table => table.Cell(0, "value"));
        SpecTable services = SpecPage.Load("integration.md").Table("services");
        for (int row = 0; row < services.RowCount; row++)
        {
            int at = row;
            AppendDevices(text, "integration", services, table => table.Cell(at, "interface type"), services.Cell(row, "name"));
        }

        text.Append("}\n\n");
    }

    private static void AppendDevices(StringBuilder text, string device, SpecTable table, Func<SpecTable, string> cell, string? name = null)
    {
        string bytes = Convert.ToHexStringLower(Guid.Parse(cell(table)).ToByteArray());
        text.Append(CultureInfo.InvariantCulture, $"    [\"{bytes}\"] = {{ {Quote(device)}, {Quote(name ?? device)} }},\n");
    }
}
