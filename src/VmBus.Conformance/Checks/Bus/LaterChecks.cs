using VmBus.Conformance.Checks.Devices;
using VmBus.Conformance.Running;
using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;
using VmBus.Protocol.Ring;

namespace VmBus.Conformance.Checks.Bus;

/// <summary>What came with 4.0 and later: sockets, reserved channels, features of 6.0. Source: protocol-spec/channel.md.</summary>
internal static class LaterChecks
{
    private const uint OtherConnection = 0x1234;
    private const ushort OtherFlag = 1999;

    // A service of a form that no program listens on.
    private static readonly Guid NoService = new("8f5b3d3a-7c1e-4a53-9d6e-2f0a6b1c9e47");

    public static IEnumerable<ConformanceCheck> All =>
    [
        new("CH-47", RefusesConnects),
        new("CH-48", SilentAt40),
        new("CH-49", Pauses),
        new("CH-50", ModifiesTheConnection),
        new("CH-51", TakesTheGuestsSignals),
        new("CH-52", OpensReserved),
    ];

    internal static string RefusesConnects(Bench bench)
    {
        _ = bench.Connect(ProtocolVersion.V5_2);
        var endpoint = Guid.NewGuid();
        bench.Post(new TlConnectRequest(endpoint, NoService, Guid.Empty));
        TlConnectResult result = bench.Expect<TlConnectResult>("TL_CONNECT_REQUEST");
        Bench.Must((result.EndpointId, result.ServiceId) == (endpoint, NoService), "The answer names other ids than the request.");
        Bench.Must(result.Status != NtStatus.Success, "A connect that nobody listens for succeeded.");
        return $"status {(uint)result.Status:x}, both ids";
    }

    private static string SilentAt40(Bench bench)
    {
        _ = bench.Connect(ProtocolVersion.V4_0);
        bench.Post(new TlConnectRequest(Guid.NewGuid(), NoService, Guid.Empty));
        bench.MustBeSilent("TL_CONNECT_REQUEST at 4.0");
        return "no answer at 4.0";
    }

    private static string Pauses(Bench bench)
    {
        Need(bench, FeatureFlags.PauseResume);
        bench.Post(default(Pause));
        _ = bench.Expect<PauseResponse>("PAUSE");
        bench.Post(new GpadlTeardown(0, 3));
        Bench.Must(bench.Take(TimeSpan.FromMilliseconds(100)) is null, "Something came after PAUSE_RESPONSE.");
        bench.Post(default(Resume));
        bench.MustGoOn("RESUME");
        return "nothing between PAUSE_RESPONSE and RESUME, a request meanwhile was refused";
    }

    private static string ModifiesTheConnection(Bench bench)
    {
        Need(bench, FeatureFlags.ModifyConnection);
        bench.Post(new ModifyConnection(0, 0));
        ModifyConnectionResponse response = bench.Expect<ModifyConnectionResponse>("MODIFY_CONNECTION");
        Bench.Must(response.Status == ConnectionStatus.Successful, $"The answer was {response.Status}.");
        return "answered";
    }

    private static string TakesTheGuestsSignals(Bench bench)
    {
        Need(bench, FeatureFlags.GuestSpecifiedSignalParameters);
        _ = bench.List();
        var storage = StorageBench.Find(bench);
        BenchChannel channel = bench.Prepare(storage);
        bench.Transport.Listen(0, OtherFlag);
        OpenChannelResult result = channel.RequestOpen(static request => request with { ConnectionId = OtherConnection, EventFlag = OtherFlag });
        Bench.Must(result.Status == NtStatus.Success, $"OPEN_CHANNEL2 failed with {(uint)result.Status:x}.");
        Bench.Must(!bench.Transport.Signal(channel.Client.Offer.ConnectionId), "The connection of the offer is still bound.");
        channel.Client.ConnectionId = OtherConnection;
        Bench.Must(channel.Client.TrySend(PacketType.DataInband, [], StorageBench.Packet(VmBus.Protocol.Storage.VstorOperation.BeginInitialization), 1, 1) == 0, "There was no room.");
        channel.Client.Flush();
        Bench.Must(bench.Transport.WaitForInterrupt(OtherFlag, bench.Patience), $"Flag {OtherFlag} was not raised.");
        return $"signalled on connection {OtherConnection:x}, interrupted by flag {OtherFlag}";
    }

    private static string OpensReserved(Bench bench)
    {
        BenchChannel channel = bench.Prepare(AnyDevice.Find(bench, ProtocolVersion.V4_0));
        bench.Post(new OpenReservedChannel(channel.Id, 0, SyntheticInterrupts.VmBus, channel.GpadlId, (uint)channel.Client.PagesPerRing));
        bench.MustBeSilent("OPEN_RESERVED_CHANNEL");
        bench.Post(new CloseReservedChannel(channel.Id, 0, SyntheticInterrupts.VmBus));
        CloseReservedChannelResponse response = bench.Expect<CloseReservedChannelResponse>("CLOSE_RESERVED_CHANNEL");
        Bench.Must(response.ChannelId == channel.Id, $"The close of channel {channel.Id} was answered for {response.ChannelId}.");
        return "opened without an answer, closed with one";
    }

    private static void Need(Bench bench, FeatureFlags feature)
    {
        _ = bench.Connect(ProtocolVersion.V6_0, FeatureFlags.Served);
        if ((bench.Client.Features & feature) == 0) throw new NotCoveredException($"The host does not grant {feature}.");
    }
}
