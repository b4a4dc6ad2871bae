using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Every event in every state of an integration channel, as the table of the page says.</summary>
public sealed class IntegrationStateTableTests
{
    private const ulong NobodysId = 77;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(9);
    private static readonly string[] Names = ["Negotiating", "Ready", "Asked", "Incompatible"];

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("integration.md").Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            foreach (string name in Names) data.Add(table.Cell(row, "event"), name, table.Cell(row, name));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Event_in_a_state_does_what_the_page_says(string what, string state, string expected)
    {
        var guest = new IntegrationGuest(IntegrationServices.Shutdown) { Negotiates = state != "Negotiating" };
        if (state == "Incompatible") guest.Version = null;
        guest.Open();
        guest.Version = IntegrationServices.Shutdown.Versions[^1];
        Task<IntegrationStatus>? asked = state == "Asked" ? Ask(guest) : null;
        guest.RunLane();
        Assert.Equal(state, StateOf(guest, asked));
        (int requests, int negotiations) = (guest.Requests.Count, guest.Negotiations.Count);
        guest.Negotiates = false;

        Task<IntegrationStatus>? made = what == "a request is made" ? Ask(guest) : null;
        if (made is null) Play(guest, what);
        guest.RunLane();

        Assert.Equal(expected, Describe(guest, state, asked, made, guest.Requests.Count - requests, guest.Negotiations.Count - negotiations));
        if (guest.Closes == 0) guest.Close();
        guest.RunLane();
    }

    private static void Play(IntegrationGuest guest, string what)
    {
        switch (what)
        {
            case "an answer with versions of the list":
                guest.Negotiate(guest.Negotiations[0]);
                break;
            case "an answer with a count of 0":
                guest.Version = null;
                guest.Negotiate(guest.Negotiations[0]);
                break;
            case "an answer with a version that was not offered":
                guest.Version = new IntegrationVersion(9, 9);
                guest.Negotiate(guest.Negotiations[0]);
                break;
            case "the answer":
                guest.Answer(Last(guest));
                break;
            case "an answer with another number":
                Last(guest).Packet[24] ^= 0x40;
                guest.Answer(Last(guest));
                break;
            case "an answer without the flag Response":
                guest.Send(Last(guest).Packet, Last(guest).Id);
                break;
            case "a short packet":
                guest.Send(new byte[8], NobodysId);
                break;
            case "a short packet in the request's own":
                guest.Send(new byte[8], guest.Requests.Count > 0 ? guest.Requests[^1].Id : guest.Negotiations[^1].Id);
                break;
            case "a packet of another type":
                guest.Send(Last(guest).Packet, Last(guest).Id, PacketType.Completion);
                break;
            case "the request's limit passes":
                guest.Advance(Limit);
                break;
            case "CLOSE_CHANNEL":
                guest.Close();
                break;
            case "the channel is opened again":
                guest.Close();
                guest.Reopen();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, "No such row.");
        }
    }

    // What is answered without being asked: a request of a channel before, as its packet looked.
    private static GuestRequest Last(IntegrationGuest guest)
    {
        if (guest.Requests.Count > 0) return guest.Requests[^1];
        GuestRequest negotiation = guest.Negotiations[^1];
        byte[] packet = [.. negotiation.Packet];
        // A shutdown where the negotiation is on its way: its number, and another type.
        packet[12] = (byte)IntegrationMessageType.Shutdown;
        return new GuestRequest(negotiation.Id, negotiation.Header, packet);
    }

    private static string Describe(IntegrationGuest guest, string before, Task<IntegrationStatus>? asked, Task<IntegrationStatus>? made, int requests, int negotiations)
    {
        var parts = new List<string>();
        bool isClosed = guest.Closes > 0;
        if (isClosed) parts.Add("closed");
        else if (StateOf(guest, made ?? asked) is { } after && (after != before || negotiations > 0)) parts.Add($"→ {after}");
        if (negotiations > 0) parts.Add("Negotiate");
        if (requests > 0) parts.Add("a request");
        if (asked is not null && IsOver(guest, asked)) parts.Add(asked.IsCompletedSuccessfully ? "the request succeeds" : "the request fails");
        if (made is not null && made.IsFaulted) parts.Add("refused");
        else if (made is not null && requests == 0) parts.Add("waits");
        return parts.Count > 0 ? string.Join("; ", parts) : "nothing";
    }

    private static string StateOf(IntegrationGuest guest, Task<IntegrationStatus>? asked)
        => guest.Provider.Contact == IntegrationContact.Ready && asked is not null && !IsOver(guest, asked) ? "Asked" : guest.Provider.Contact.ToString();

    // Ends of requests are told on other threads; what has ended has no timer any more.
    private static bool IsOver(IntegrationGuest guest, Task<IntegrationStatus> request)
    {
        if (!request.IsCompleted && guest.Clock.RunningTimers == 0)
            Assert.True(((IAsyncResult)request).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(30)), "A request without a limit has not ended.");
        return request.IsCompleted;
    }

    private static Task<IntegrationStatus> Ask(IntegrationGuest guest) => guest.Provider.RequestAsync(static _ => 8, static (_, _) => true, Limit, CancellationToken.None);
}
