using System.Text;
using VmBus.Bus.Channels;
using VmBus.Protocol.Channel;
using VmBus.TestKit.SpecTables;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Channels;

/// <summary>Plays every message that concerns the connection, in every state of it, and compares with the table on the page, cell by cell.</summary>
public sealed class ConnectionStateTableTests
{
    private const FeatureFlags Features = FeatureFlags.PauseResume | FeatureFlags.ModifyConnection;
    private const uint NoGpadl = 900;

    private static readonly (ConnectionState State, Action<ServerHarness> Reach)[] States =
    [
        (ConnectionState.Unconnected, static _ => { }),
        (ConnectionState.Connected, static bus => bus.Contact(ProtocolVersion.V6_0, Features)),
        (ConnectionState.Offered, Offer),
        (ConnectionState.Paused, static bus =>
        {
            Offer(bus);
            bus.Post(new Pause());
        }),
        (ConnectionState.Disconnecting, static bus =>
        {
            Offer(bus);
            bus.Open(1, 100);
            bus.Post(new Unload());
        }),
    ];

    private static readonly (string Name, Func<ServerHarness, bool> Play)[] Events =
    [
        ("INITIATE_CONTACT accepted", static bus => Played(() => bus.Contact(ProtocolVersion.V6_0, Features))),
        ("INITIATE_CONTACT refused", static bus => Played(() => bus.Contact(new ProtocolVersion(0x0007_0000)))),
        ("UNLOAD", static bus => Played(() => bus.Post(new Unload()))),
        ("REQUEST_OFFERS", static bus => Played(() => bus.Post(new RequestOffers()))),
        ("GPADL_TEARDOWN", static bus => Played(() => bus.Post(new GpadlTeardown(1, NoGpadl)))),
        ("TL_CONNECT_REQUEST", static bus => Played(() => bus.Post(new TlConnectRequest(Guid.NewGuid(), Guid.NewGuid(), Guid.Empty)))),
        ("MODIFY_CONNECTION", static bus => Played(() => bus.Post(new ModifyConnection(0, 0)))),
        ("PAUSE", static bus => Played(() => bus.Post(new Pause()))),
        ("RESUME", static bus => Played(() => bus.Post(new Resume()))),
        ("reset", static bus => Played(bus.Server.Reset)),
        ("device added", static bus => Played(() => bus.Offer())),
        ("channels stopped", static bus => bus.Closing.Contains(1) && Played(() => bus.CompleteClose(1))),
    ];

    [Fact]
    public void Every_message_in_every_state_does_what_the_page_says()
    {
        SpecTable page = SpecPage.Load("channel.md").Table("connection-states");
        var actual = new StringBuilder();
        var expected = new StringBuilder();
        foreach ((ConnectionState state, Action<ServerHarness> reach) in States) actual.AppendLine(Row(state.ToString(), Events.Select(column => Cell(state, reach, column.Play))));
        for (int row = 0; row < page.RowCount; row++)
            expected.AppendLine(Row(page.Cell(row, "state"), Events.Select(column => page.Cell(row, column.Name))));
        Assert.True(expected.Equals(actual), $"protocol-spec/channel.md#connection-states differs; the code does:\n{actual}");
    }

    [Fact]
    public void Every_reason_for_a_refusal_is_on_the_page()
    {
        SpecTable page = SpecPage.Load("channel.md").Table("errors");
        Assert.Equal(Enum.GetNames<Refusal>().Order(StringComparer.Ordinal), Enumerable.Range(0, page.RowCount).Select(row => page.Cell(row, "reason")).Order(StringComparer.Ordinal));
    }

    private static void Offer(ServerHarness bus)
    {
        bus.Contact(ProtocolVersion.V6_0, Features);
        bus.Post(new RequestOffers());
    }

    private static string Cell(ConnectionState state, Action<ServerHarness> reach, Func<ServerHarness, bool> play)
    {
        using var bus = new ServerHarness(ProtocolVersion.V6_0);
        _ = bus.Offer();
        reach(bus);
        Assert.Equal(state, bus.Server.State);
        _ = bus.Take();
        if (!play(bus)) return "";
        string step = bus.Server.State == state ? "" : $"→ {bus.Server.State}";
        string effects = bus.Take();
        // What a contact is answered with says whether it was accepted, and a connect is only ever answered where it fails.
        if (effects == "VERSION_RESPONSE" && bus.Sent[^1][8] == 0) effects += " failed";
        if (effects == "TL_CONNECT_RESULT" && ReadUInt32LittleEndian(bus.Sent[^1].AsSpan(40)) != 0) effects += " failed";
        return string.Join("; ", new[] { step, effects }.Where(static part => part.Length > 0)) is { Length: > 0 } text ? text : "nothing";
    }

    private static string Row(string state, IEnumerable<string> cells) => $"| {state} | {string.Join(" | ", cells)} |".Replace("|  |", "| |", StringComparison.Ordinal);

    private static bool Played(Action action)
    {
        action();
        return true;
    }
}
