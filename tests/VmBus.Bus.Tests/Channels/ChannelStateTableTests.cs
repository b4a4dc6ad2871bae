using System.Text;
using VmBus.Bus.Channels;
using VmBus.Protocol.Channel;
using VmBus.TestKit.SpecTables;

namespace VmBus.Bus.Tests.Channels;

/// <summary>Plays every event in every state and compares with the table on the page, cell by cell.</summary>
public sealed class ChannelStateTableTests
{
    private const uint Ring = 100;

    // How a channel with id 1 gets into each state, from connected and offered.
    private static readonly (string Name, Action<ServerHarness> Reach)[] States =
    [
        ("Unoffered", bus => bus.Contact()),
        ("Offered", _ => { }),
        ("Opening", bus => bus.PostOpen(1, Ring)),
        ("Opening (offer)", bus =>
        {
            bus.PostOpen(1, Ring);
            bus.Post(new CloseChannel(1));
        }),
        ("Opening (rescind)", bus =>
        {
            bus.PostOpen(1, Ring);
            bus.Server.Fail(1);
        }),
        ("Opening (release)", bus =>
        {
            bus.PostOpen(1, Ring);
            bus.Post(new RelIdReleased(1));
        }),
        ("Open", bus => bus.Open(1, 101)),
        ("Closing (offer)", bus =>
        {
            bus.Open(1, 101);
            bus.Post(new CloseChannel(1));
        }),
        ("Closing (reopen)", bus =>
        {
            bus.Open(1, 101);
            bus.Post(new CloseChannel(1));
            bus.PostOpen(1, Ring);
        }),
        ("Closing (rescind)", bus =>
        {
            bus.Open(1, 101);
            bus.Server.Fail(1);
        }),
        ("Closing (release)", bus =>
        {
            bus.Open(1, 101);
            bus.Post(new RelIdReleased(1));
        }),
        ("Closing (forget)", bus =>
        {
            bus.Open(1, 101);
            bus.Post(new Unload());
        }),
        ("Rescinded", bus =>
        {
            bus.Open(1, 101);
            bus.Server.Fail(1);
            bus.CompleteClose(1);
        }),
        ("Released", bus => bus.Post(new RelIdReleased(1))),
    ];

    private static readonly (string Name, Func<ServerHarness, bool> Play)[] Events =
    [
        ("OPEN_CHANNEL", bus => Played(() => bus.PostOpen(1, Ring))),
        ("CLOSE_CHANNEL", bus => Played(() => bus.Post(new CloseChannel(1)))),
        ("RELID_RELEASED", bus => Played(() => bus.Post(new RelIdReleased(1)))),
        ("MODIFYCHANNEL", bus => Played(() => bus.Post(new ModifyChannel(1, 1)))),
        ("GPADL_HEADER", bus => Played(() => bus.PostGpadl(1, 200))),
        ("GPADL_TEARDOWN", bus => Played(() => bus.Post(new GpadlTeardown(1, bus.Channel(1).RingGpadlId ?? Ring)))),
        ("INITIATE_CONTACT", bus => Played(() => bus.Contact())),
        ("UNLOAD", bus => Played(() => bus.Post(new Unload()))),
        ("reset", bus => Played(bus.Server.Reset)),
        ("remove", bus => Played(() => bus.Server.Remove(1))),
        ("fail", bus => (bus.Opening.Contains(1) || bus.Closing.Contains(1) || bus.Channel(1).State == ChannelState.Open)
            && Played(() => bus.Server.Fail(1))),
        ("opened", bus => bus.Opening.Contains(1) ? Played(() => bus.Complete(1, true)) : false),
        ("open failed", bus => bus.Opening.Contains(1) ? Played(() => bus.Complete(1, false)) : false),
        ("closed", bus => bus.Closing.Contains(1) ? Played(() => bus.CompleteClose(1)) : false),
    ];

    /// <summary>The code does what the page says, and the page lists everything.</summary>
    [Fact]
    public void Every_event_in_every_state_does_what_the_page_says()
    {
        SpecTable page = SpecPage.Load("channel.md").Table("channel-states");
        var actual = new StringBuilder();
        var expected = new StringBuilder();
        foreach ((string state, string[] cells) in PlayAll()) actual.AppendLine(Row(state, cells));
        for (int row = 0; row < page.RowCount; row++)
            expected.AppendLine(Row(page.Cell(row, "state"), [.. Events.Select(column => page.Cell(row, column.Name))]));
        Assert.True(expected.Equals(actual), $"protocol-spec/channel.md#channel-states differs; the code does:\n{Head()}\n{actual}");
    }

    private static string Head()
        => Row("state", [.. Events.Select(column => column.Name)]) + "\n"
            + Row("---", [.. Events.Select(_ => "---")]).Replace(" ", "", StringComparison.Ordinal);

    // Twice, because neighbours share a bar.
    private static string Row(string state, IEnumerable<string> cells) => $"| {state} | {string.Join(" | ", cells)} |"
        .Replace("|  |", "| |", StringComparison.Ordinal)
        .Replace("|  |", "| |", StringComparison.Ordinal);

    private static IEnumerable<(string State, string[] Cells)> PlayAll()
    {
        foreach ((string name, Action<ServerHarness> reach) in States)
        {
            var cells = new string[Events.Length];
            for (int i = 0; i < Events.Length; i++)
            {
                using var bus = new ServerHarness();
                _ = bus.Offer();
                bus.Contact();
                bus.Post(new RequestOffers());
                bus.PostGpadl(1, Ring);
                reach(bus);
                Assert.Equal(name.Split(' ')[0], bus.Channel(1).State.ToString());
                _ = bus.Take();
                cells[i] = Events[i].Play(bus) ? Describe(bus, name) : "";
            }

            yield return (name, cells);
        }
    }

    private static string Describe(ServerHarness bus, string before)
    {
        string effects = bus.Take();
        ChannelSnapshot? channel = bus.Server.Capture().Channels.SingleOrDefault();
        string after = channel?.State.ToString() ?? "gone";
        if (channel?.After is { } then) after += channel.ReopenWaits ? " (reopen)" : $" ({then.ToString().ToLowerInvariant()})";
        string step = string.Equals(after, before, StringComparison.Ordinal) ? "" : $"→ {after}";
        return string.Join("; ", new[] { step, effects }.Where(part => part.Length > 0)) is { Length: > 0 } text ? text : "ignored";
    }

    private static bool Played(Action action)
    {
        action();
        return true;
    }
}
