using VmBus.Bus.Devices;
using VmBus.Protocol.DynamicMemory;
using VmBus.Providers.DynamicMemory;
using VmBus.TestKit.SpecTables;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.DynamicMemory;

/// <summary>Every message in every state of dynamic memory, as the table of the page says.</summary>
public sealed class DynamicMemoryStateTableTests
{
    private const long Start = 64 * MemoryGuest.Mebibyte;
    private const long Less = 48 * MemoryGuest.Mebibyte;
    private const long More = 192 * MemoryGuest.Mebibyte;
    private const int GivenPages = 16 * MemoryGuest.PagesPerMebibyte;
    private const ulong FirstGiven = 4096;

    private static readonly string[] Names = ["Open", "Agreed", "Ready", "Ballooning", "Returning", "Adding"];

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("dynamic-memory.md").Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            foreach (string name in Names) data.Add(table.Cell(row, "message"), name, table.Cell(row, name));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Message_in_a_state_does_what_the_page_says(string message, string state, string expected)
    {
        var guest = new MemoryGuest();
        Reach(guest, state);
        Assert.False(guest.HasMessages);
        long before = guest.Provider.Describe().AssignedBytes;

        PacketVerdict verdict = Play(guest, message);
        // What takes the host's own system long, and what comes of a time, is run by the lane.
        if ((message, state) is ("Balloon response, last", "Ballooning") or ("Hot-add response, no pages", "Adding") || (message == "30 seconds" && IsAskedIn(state))) guest.RunOne();

        Assert.Equal(expected, Describe(guest, state, message, verdict, before));
    }

    private static void Reach(MemoryGuest guest, string state)
    {
        if (state == "Open") return;
        if (state == "Agreed")
        {
            _ = Version(guest, 0x20000);
            guest.Expect(DynamicMemoryMessageType.VersionResponse);
            return;
        }

        guest.Agree();
        if (state == "Ready") return;
        Want(guest, state == "Adding" ? More : Less);
        if (state == "Adding")
        {
            // The memory is made beside the lane.
            guest.RunOne();
            guest.Expect(DynamicMemoryMessageType.HotAddRequest);
            return;
        }

        guest.Expect(DynamicMemoryMessageType.BalloonRequest);
        if (state == "Ballooning") return;
        _ = guest.Give(more: false, new PageRange(FirstGiven, GivenPages));
        guest.RunOne();
        Want(guest, Start);
        guest.Expect(DynamicMemoryMessageType.UnballoonRequest);
    }

    private static void Want(MemoryGuest guest, long bytes)
    {
        // What becomes of it is not waited for: the guest is played step by step.
        _ = guest.Provider.SetAsync(bytes);
        guest.RunOne();
    }

    private static PacketVerdict Version(MemoryGuest guest, uint version)
        => guest.Send(DynamicMemoryMessageType.VersionRequest, 16, message => WriteUInt32LittleEndian(message[8..], version));

    private static PacketVerdict Play(MemoryGuest guest, string message)
    {
        switch (message)
        {
            case "Version request, spoken":
                return Version(guest, 0x20000);
            case "Version request, unknown":
                return Version(guest, 0x30000);
            case "Capabilities report":
                return guest.Send(DynamicMemoryMessageType.CapabilitiesReport, 32, static bytes => WriteUInt64LittleEndian(bytes[8..], 0x1F));
            case "Status report":
                return guest.Send(DynamicMemoryMessageType.StatusReport, 48, static bytes => WriteUInt64LittleEndian(bytes[8..], 1234));
            case "Balloon response, more":
                return guest.Give(more: true, new PageRange(FirstGiven, 1));
            case "Balloon response, last":
                return guest.Give(more: false, new PageRange(FirstGiven, GivenPages));
            case "Balloon response, no pages":
                return guest.Give(more: false);
            case "Balloon response, pages that cannot be":
                return guest.Give(more: false, new PageRange(1ul << 30, 1));
            case "Unballoon response":
                return guest.Send(DynamicMemoryMessageType.UnballoonResponse, 8);
            case "Hot-add response, all pages":
                return guest.Use(128 * MemoryGuest.PagesPerMebibyte, 1);
            case "Hot-add response, no pages":
                return guest.Use(0, 0);
            case "short or unknown":
                Assert.Equal(PacketVerdict.Taken, guest.Send((DynamicMemoryMessageType)99, 16));
                Assert.Equal(PacketVerdict.Taken, guest.SendBytes(new byte[4]));
                return guest.Send(DynamicMemoryMessageType.CapabilitiesReport, 8);
            case "30 seconds":
                guest.Clock.Advance(DynamicMemoryEndpoint.Patience);
                return PacketVerdict.Taken;
            default:
                throw new ArgumentOutOfRangeException(nameof(message), message, "No such row.");
        }
    }

    private static string Describe(MemoryGuest guest, string state, string message, PacketVerdict verdict, long before)
    {
        if (verdict == PacketVerdict.Violation) return "closed";
        string answer = "";
        if (guest.HasMessages)
        {
            bool isVersion = message.StartsWith("Version", StringComparison.Ordinal);
            byte[] sent = guest.Expect(isVersion ? DynamicMemoryMessageType.VersionResponse : DynamicMemoryMessageType.CapabilitiesResponse);
            answer = $"{(isVersion ? "version" : "capabilities")} response {ReadUInt64LittleEndian(sent.AsSpan(8))}";
        }

        bool isTaken = message == "Status report" ? guest.Provider.Describe().AvailableBytes is not null : guest.Provider.Describe().AssignedBytes != before;
        string after = StateOf(guest, state);
        string step = after == state ? "" : $"→ {after}";
        if (step.Length > 0 || answer.Length > 0) return string.Join("; ", new[] { step, answer }.Where(static part => part.Length > 0));
        if (message == "30 seconds") return IsAskedIn(state) ? "nothing more is asked" : "nothing";
        return isTaken ? "taken" : "dropped";
    }

    private static bool IsAskedIn(string state) => state is "Ballooning" or "Returning" or "Adding";

    private static string StateOf(MemoryGuest guest, string before)
    {
        if (!guest.Provider.Describe().IsReady)
        {
            // What a guest can do is of interest from the version on.
            _ = Play(guest, "Capabilities report");
            return guest.HasMessages ? "Agreed" : "Open";
        }

        if (!IsAskedIn(before)) return "Ready";
        // While a request is on its way nothing else is asked.
        Want(guest, Less - MemoryGuest.Mebibyte);
        return guest.HasMessages ? "Ready" : before;
    }
}
