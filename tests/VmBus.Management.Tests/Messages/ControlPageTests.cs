using System.Buffers;
using VmBus.Management.Framing;
using VmBus.Management.MessagePack;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Management.Tests.Messages;

/// <summary>Holds the code against the tables of protocol-spec/control.md.</summary>
public sealed class ControlPageTests
{
    private static readonly SpecPage Page = SpecPage.Load("control.md"), Maps = SpecPage.Load("control-maps.md");
    private static readonly SpecPage ServicePage = SpecPage.Load("service.md");

    public static TheoryData<string> Values => [.. Samples.All.Keys.Where(name => name != nameof(NoValue))];

    [Fact]
    public void Frame_is_a_length_and_as_many_bytes()
    {
        SpecLayout layout = Page.Layout("frame");
        Assert.Equal(FrameHeader.Size, layout.Offset("message"));
        byte[] frame = ControlMessage.Request(1, "hello", NoValue.Instance).ToArray();
        Assert.Equal((ulong)(frame.Length - FrameHeader.Size), layout.Read(frame, "length"));
    }

    [Fact]
    public void Kinds_of_messages_are_those_of_the_page() => Assert.Empty(Page.Numbers("messages").DifferencesFrom<MessageKind>());

    [Fact]
    public void Error_codes_are_those_of_the_page() => Assert.Empty(Page.Numbers("errors").DifferencesFrom<ControlErrorCode>());

    [Fact]
    public void Limits_of_messages_are_those_of_the_page()
    {
        SpecNumbers limits = Page.Numbers("limits");
        Assert.Equal((ulong)FrameHeader.MaximumRequestBytes, limits["MaximumRequestBytes"]);
        Assert.Equal((ulong)FrameHeader.MaximumReplyBytes, limits["MaximumReplyBytes"]);
        Assert.Equal((ulong)ValueMap.MaximumKeys, limits["MaximumKeys"]);
    }

    [Fact]
    public void Verbs_are_those_of_the_page_with_what_they_take_and_give()
    {
        AssertVerbs(Page, typeof(ControlProtocol), typeof(PartitionVerb), typeof(GuestVerb));
        AssertVerbs(ServicePage, typeof(ServiceVerb));
    }

    private static void AssertVerbs(SpecPage page, params Type[] groups)
    {
        SpecTable table = page.Table("verbs");
        IEnumerable<string> specified = Enumerable.Range(0, table.RowCount)
            .Select(row => $"{table.Cell(row, "verb")} {table.Cell(row, "parameters")} {table.Cell(row, "result")}");
        IEnumerable<string> known = groups.SelectMany(static group => group.GetProperties())
            .Where(property => property.PropertyType.IsGenericType)
            .Select(property => (Verb: property.GetValue(null)!, Types: property.PropertyType.GetGenericArguments()))
            .Select(verb => $"{verb.Verb.GetType().GetProperty("Name")!.GetValue(verb.Verb)} {verb.Types[0].Name} {verb.Types[1].Name}");
        Assert.Equal(specified.Order(StringComparer.Ordinal), known.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Events_are_those_of_the_page()
    {
        AssertEvents(Page, PartitionEventName.All);
        AssertEvents(ServicePage, ServiceEventName.All);
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_has_the_keys_and_types_of_the_page(string name)
    {
        SpecTable table = TableOf(name);
        var reader = new MessagePackReader(Samples.All[name].Bytes);
        Assert.Equal(table.RowCount, reader.ReadMapHeader());
        for (int row = 0; row < table.RowCount; row++)
        {
            Assert.Equal(table.Cell(row, "key"), reader.ReadString());
            string type = table.Cell(row, "type");
            Assert.Equal(TypeNamed(type), reader.NextMessagePackType);
            if (type != "list of text" && reader.NextMessagePackType is (MessagePackType.Array or MessagePackType.Map))
                Assert.Contains(type.Replace("list of ", "", StringComparison.Ordinal).Replace(" or nil", "", StringComparison.Ordinal), Samples.All.Keys);
            reader.Skip();
        }
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_is_read_back_and_passes_over_keys_it_does_not_know(string name)
    {
        Samples.Sample sample = Samples.All[name];
        string expected = sample.Read(sample.Bytes).ToString()!;
        Assert.Equal(expected, sample.Read(Changed(sample.Bytes, add: "unknown")).ToString());
    }

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_without_a_key_is_refused_unless_the_page_says_that_it_may_be_missing(string name)
    {
        SpecTable table = TableOf(name);
        Samples.Sample sample = Samples.All[name];
        for (int row = 0; row < table.RowCount; row++)
        {
            string key = table.Cell(row, "key");
            foreach (byte[] bytes in new[] { Changed(sample.Bytes, leaveOut: key), Changed(sample.Bytes, makeNil: key) })
            {
                if (table.Cell(row, "type").EndsWith(" or nil", StringComparison.Ordinal)) sample.Read(bytes);
                else Assert.Contains($"'{key}'", Refusal(sample, bytes).Message, StringComparison.Ordinal);
            }

            Assert.Contains($"'{key}'", Refusal(sample, Changed(sample.Bytes, add: key)).Message, StringComparison.Ordinal);
        }
    }

    private static void AssertEvents(SpecPage page, IEnumerable<string> known)
    {
        SpecTable table = page.Table("events");
        Assert.Equal(Enumerable.Range(0, table.RowCount).Select(row => table.Cell(row, "name")), known);
    }

    // A value is on one of the pages.
    private static SpecTable TableOf(string name)
    {
        string anchor = SpecPage.AnchorOf(name);
        return (Maps.Anchors.Contains(anchor) ? Maps : ServicePage).Table(anchor);
    }

    private static MessagePackType TypeNamed(string type) => type.Replace(" or nil", "", StringComparison.Ordinal) switch
    {
        "text" => MessagePackType.String,
        "int" => MessagePackType.Integer,
        "bool" => MessagePackType.Boolean,
        ['l', 'i', 's', 't', ' ', 'o', 'f', ..] => MessagePackType.Array,
        _ => MessagePackType.Map,
    };

    private static ControlException Refusal(Samples.Sample sample, byte[] bytes)
    {
        ControlException refusal = Assert.Throws<ControlException>(() => sample.Read(bytes));
        Assert.Equal(ControlErrorCode.BadParameters, refusal.Code);
        return refusal;
    }

    // The same map with a key left out, made nil, or added (with an extension, which nobody takes).
    private static byte[] Changed(byte[] map, string? leaveOut = null, string? makeNil = null, string? add = null)
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(output);
        var reader = new MessagePackReader(map);
        int count = reader.ReadMapHeader();
        writer.WriteMapHeader(count - (leaveOut is null ? 0 : 1) + (add is null ? 0 : 1));
        if (add is not null)
        {
            writer.Write(add);
            writer.WriteRaw([0xD4, 1, 2]);
        }

        for (; count > 0; count--)
        {
            string key = reader.ReadString()!;
            int start = (int)reader.Consumed;
            reader.Skip();
            if (key == leaveOut) continue;
            writer.Write(key);
            if (key == makeNil) writer.WriteNil();
            else writer.WriteRaw(map.AsSpan(start, (int)reader.Consumed - start));
        }

        writer.Flush();
        return output.WrittenSpan.ToArray();
    }
}
