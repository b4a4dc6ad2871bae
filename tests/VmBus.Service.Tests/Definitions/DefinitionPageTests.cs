using System.Globalization;
using System.Text.Json;
using VmBus.Service.Definitions;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Service.Tests.Definitions;

/// <summary>The page of definitions has the members of the schema, what they take and what they mean. Source: protocol-spec/definition.md.</summary>
public sealed class DefinitionPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("definition.md");

    [Fact]
    public void Members_are_those_of_the_page() => AssertMembers("members", DefinitionReader.Schema);

    [Theory]
    [InlineData("disk", "disks")]
    [InlineData("nic", "nics")]
    public void Members_of_a_device_are_those_of_the_page(string anchor, string list)
        => AssertMembers(anchor, DefinitionReader.Schema.GetProperty("properties").GetProperty(list).GetProperty("items"));

    [Fact]
    public void Integration_services_are_those_of_the_page()
    {
        SpecTable table = Page.Table("integration-services");
        IEnumerable<string> page = Enumerable.Range(0, table.RowCount).SelectMany(row => table.Cell(row, "value").Split(", "));
        JsonElement items = DefinitionReader.Schema.GetProperty("properties").GetProperty("integration").GetProperty("items").GetProperty("enum");
        Assert.Equal(items.EnumerateArray().Select(static item => item.GetString()), page);
    }

    private static void AssertMembers(string anchor, JsonElement schema)
    {
        SpecTable table = Page.Table(anchor);
        Assert.Equal(
            schema.GetProperty("properties").EnumerateObject().Select(static member => (member.Name, Takes(member.Value), member.Value.GetProperty("description").GetString())),
            Enumerable.Range(0, table.RowCount).Select(row => (table.Cell(row, "member"), table.Cell(row, "takes"), (string?)table.Cell(row, "meaning"))));
    }

    private static string Takes(JsonElement member)
    {
        if (member.TryGetProperty("enum", out JsonElement values)) return string.Join(", ", values.EnumerateArray().Select(static value => value.ToString().ToLower(CultureInfo.InvariantCulture)));
        return member.GetProperty("type").GetString() switch
        {
            "integer" => $"{member.GetProperty("minimum")} to {member.GetProperty("maximum")}",
            "boolean" => "true, false",
            "array" => $"list of up to {member.GetProperty("maxItems")}",
            _ => "text",
        };
    }
}
