using System.Buffers.Binary;
using VmBus.Protocol.Network;
using VmBus.Protocol.Ring;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Network;

/// <summary>Every request of the set-up, and every RNDIS control message, in every state, as the tables of the pages say.</summary>
public sealed class NetworkStateTableTests
{
    private static readonly string[] Phases = ["Created", "Negotiated", "Configured"];

    private static readonly string[] RndisStates = ["Uninitialized", "Initialized"];

    public static TheoryData<string, string, string> States() => Cells("network.md", "request", Phases);

    public static TheoryData<string, string, string> Messages() => Cells("rndis.md", "message", RndisStates);

    [Fact]
    public void Every_request_that_a_guest_may_send_is_in_the_table()
    {
        HashSet<string> rows = [.. States().Select(static row => ((string)row[0]).Split(',')[0])];
        // The others are the host's, or answers.
        NvspMessageType[] guests =
        [
            NvspMessageType.Initialize, NvspMessageType.SendNdisVersion, NvspMessageType.SendReceiveBuffer, NvspMessageType.RevokeReceiveBuffer, NvspMessageType.SendSendBuffer,
            NvspMessageType.RevokeSendBuffer, NvspMessageType.SendRndisPacket, NvspMessageType.SendNdisConfiguration, NvspMessageType.SwitchDataPath, NvspMessageType.OidQuery, NvspMessageType.Subchannel,
            NvspMessageType.PacketDirect,
        ];
        Assert.Equal(guests.Select(static type => type.ToString()).Order(StringComparer.Ordinal), rows.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Request_in_a_state_is_answered_as_the_page_says(string request, string phase, string expected)
    {
        using var guest = new NetworkGuest();
        string[] way = ["Initialize, known", "SendReceiveBuffer"];
        foreach (string step in way.Take(Array.IndexOf(Phases, phase))) Assert.Equal(NvspStatus.Success, Ask(guest, step));
        Assert.Equal(phase, PhaseOf(guest));
        // A buffer to revoke; without a version there is none.
        if (request == "RevokeSendBuffer") _ = Ask(guest, "SendSendBuffer");

        NvspStatus status = Ask(guest, request);

        bool isRefused = Enum.TryParse(expected, out NvspStatus refused);
        Assert.Equal(isRefused ? refused : NvspStatus.Success, status);
        Assert.Equal(isRefused || expected is "–" ? phase : expected, PhaseOf(guest));
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Rndis_message_in_a_state_is_answered_as_the_page_says(string message, string state, string expected)
    {
        using var guest = new NetworkGuest();
        guest.Connect();
        if (state == "Initialized") Assert.Equal("→ Initialized; InitializeComplete", Control(guest, Bytes("Initialize"), "Uninitialized"));

        Assert.Equal(expected, Control(guest, Bytes(message), state));
    }

    private static TheoryData<string, string, string> Cells(string page, string first, string[] states)
    {
        SpecTable table = SpecPage.Load(page).Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            foreach (string state in states) data.Add(table.Cell(row, first), state, table.Cell(row, state));
        }

        return data;
    }

    private static NvspStatus Ask(NetworkGuest guest, string request)
    {
        byte[] answer = request switch
        {
            "Initialize, known" => guest.Ask(NetworkGuest.Message(static m => new NvspInitialize(NvspVersion.V5, NvspVersion.V5).Write(m))),
            "Initialize, unknown" => guest.Ask(NetworkGuest.Message(static m => new NvspInitialize((NvspVersion)0x70000, (NvspVersion)0x70000).Write(m))),
            "SendNdisConfiguration" => guest.Ask(NetworkGuest.Message(static m => new NvspNdisConfiguration(1514, NdisCapabilities.Ieee8021Q).Write(m))),
            "SendNdisVersion" => guest.Ask(NetworkGuest.Message(static m => new NvspNdisVersion(6, 30).Write(m))),
            "SendReceiveBuffer" => guest.Ask(NetworkGuest.Message(static m => new NvspBuffer(NetworkGuest.ReceiveGpadl, 0xCAFE).Write(m, NvspMessageType.SendReceiveBuffer))),
            "SendSendBuffer" => guest.Ask(NetworkGuest.Message(static m => new NvspBuffer(NetworkGuest.SendGpadl, 0).Write(m, NvspMessageType.SendSendBuffer))),
            "RevokeReceiveBuffer" => Revoke(guest, 0xCAFE, NvspMessageType.RevokeReceiveBuffer),
            "RevokeSendBuffer" or "RevokeSendBuffer, no buffer" => Revoke(guest, 0, NvspMessageType.RevokeSendBuffer),
            "Subchannel" => guest.Ask(NetworkGuest.Message(static m => new NvspSubchannelRequest(NvspSubchannelRequest.Allocate, 1).Write(m))),
            "SwitchDataPath" => guest.Ask(Numbered(NvspMessageType.SwitchDataPath)),
            "OidQuery" => guest.Ask(Numbered(NvspMessageType.OidQuery)),
            "PacketDirect" => guest.Ask(Numbered(NvspMessageType.PacketDirect)),
            "SendRndisPacket, control" => guest.Ask(ControlPacket(), guest.Place(Bytes("Initialize"))),
            _ => throw new ArgumentOutOfRangeException(nameof(request), request, "No such row."),
        };
        // SwitchDataPath is completed with nothing.
        if (answer.Length == 0) return NvspStatus.Success;
        return (NvspMessageType)BinaryPrimitives.ReadUInt32LittleEndian(answer) == NvspMessageType.InitializeComplete
            ? NvspInitializeComplete.TryRead(answer, out NvspInitializeComplete complete) ? complete.Status : NvspStatus.None
            : (NvspStatus)BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(4));
    }

    // Nothing follows a revocation that is carried out.
    private static byte[] Revoke(NetworkGuest guest, ushort id, NvspMessageType type)
    {
        guest.Channel.Sent.Clear();
        guest.Send(NetworkGuest.Message(m => new NvspBuffer(id, 0).Write(m, type)));
        return guest.Channel.Sent.FirstOrDefault(static packet => packet.Type == PacketType.Completion)?.Payload ?? [];
    }

    private static byte[] Numbered(NvspMessageType type) => NetworkGuest.Message(m => BinaryPrimitives.WriteUInt32LittleEndian(m, (uint)type));

    private static byte[] ControlPacket() => NetworkGuest.Message(static m => new NvspRndisPacket(NvspChannelType.Control, NetworkInterface.NoSection, 0).Write(m));

    // What a guest can see of the state, by requests that do not change it.
    private static string PhaseOf(NetworkGuest guest)
    {
        if (Ask(guest, "SendNdisVersion") == NvspStatus.Failure) return "Created";
        return Ask(guest, "Initialize, unknown") == NvspStatus.Failure ? "Configured" : "Negotiated";
    }

    private static byte[] Bytes(string message)
    {
        if (message is "Query" or "Set")
        {
            byte[] request = new byte[RndisRequest.Size + sizeof(uint)];
            RndisMessageType type = message == "Query" ? RndisMessageType.Query : RndisMessageType.Set;
            new RndisRequest(new RndisControlHeader(type, (uint)request.Length, 7), NdisOid.CurrentPacketFilter, sizeof(uint), RndisRequest.Size - 8).Write(request);
            return request;
        }

        byte[] bytes = new byte[24];
        uint length = message == "malformed" ? 4000u : (uint)bytes.Length;
        new RndisControlHeader(message is "unknown" or "malformed" ? (RndisMessageType)(message == "unknown" ? 99u : 8u) : Enum.Parse<RndisMessageType>(message), length, 7).Write(bytes);
        return bytes;
    }

    private static string Control(NetworkGuest guest, byte[] message, string before)
    {
        // Indications of before, which follow what they are about.
        guest.Channel.Sent.Clear();
        NvspStatus status = guest.AskStatus(ControlPacket(), guest.Place(message));
        string effect = status == NvspStatus.Success ? Reply(guest) : status.ToString();
        bool isInitialized = guest.AskStatus(ControlPacket(), guest.Place(Bytes("Query"))) == NvspStatus.Success;
        string after = isInitialized ? "Initialized" : "Uninitialized";
        string step = after == before ? "" : $"→ {after}";
        return string.Join("; ", new[] { step, effect }.Where(static part => part.Length > 0)) is { Length: > 0 } text ? text : "nothing";
    }

    private static string Reply(NetworkGuest guest)
    {
        HostPacket? answer = guest.Channel.Sent.Find(static packet => packet.Type == PacketType.DataUsingTransferPages);
        if (answer is null) return "";
        guest.Channel.Sent.Remove(answer);
        (int bytes, int offset) = Assert.Single(NetworkGuest.Ranges(answer));
        byte[] reply = new byte[bytes];
        Assert.True(guest.ReceiveRegion.TryRead(offset, reply));
        _ = guest.Acknowledge(answer.TransactionId);
        return ((RndisMessageType)BinaryPrimitives.ReadUInt32LittleEndian(reply)).ToString();
    }
}
