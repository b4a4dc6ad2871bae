using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Sockets;
using VmBus.Providers.Sockets;
using VmBus.TestKit.Bus;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Providers.Tests.Sockets;

/// <summary>Every event in every state of an open connection, as the table of the page says: seen by the guest, by the program and on the bus.</summary>
public sealed class SocketStateTableTests : IDisposable
{
    private const uint Port = 5000;
    private static readonly string[] Names = ["open", "guest ended", "program ended"];

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-sockets-").FullName;
    private readonly FakeGuest _bus = new(laneCount: 2);
    private readonly SocketProvider _sockets;
    private readonly GuestSocket _guest;
    private readonly Socket _program;

    public SocketStateTableTests()
    {
        string path = Path.Combine(_folder, "vsock");
        _sockets = SocketProvider.Listen(path, NullLogger.Instance);
        _sockets.Attach(_bus.Server);
        _bus.Ports.Sockets = _sockets;
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{path}_{Port}"));
        listener.Listen(1);
        _bus.Connect();
        _bus.Post(new TlConnectRequest(SocketInterface.FromPort(1026), SocketInterface.FromPort(Port), Guid.Empty));
        _guest = new GuestSocket(_bus, _bus.Open(_bus.TakeOffer()));
        _program = listener.Accept();
        _program.ReceiveTimeout = (int)FakeGuest.Patience.TotalMilliseconds;
    }

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("sockets.md").Table("open-connection");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            // An empty cell: whoever has ended does nothing more.
            foreach (string name in Names.Where(name => table.Cell(row, name).Length > 0)) data.Add(table.Cell(row, "event"), name, table.Cell(row, name));
        }

        return data;
    }

    public void Dispose()
    {
        _program.Dispose();
        _sockets.End();
        _bus.Dispose();
        _sockets.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Event_in_a_state_is_seen_as_the_page_says(string what, string state, string expected)
    {
        if (state == "guest ended") _guest.EndSending();
        if (state == "program ended")
        {
            _program.Shutdown(SocketShutdown.Send);
            Assert.True(_guest.ReceivesEnd());
        }

        Play(what);

        string[] effects = expected.Split("; ");
        foreach (string effect in effects) Assert.True(IsSeen(effect), $"{what}, {state}: not seen: {effect}");
        if (effects.Contains("rescinded")) return;
        // It goes on: each direction that has not ended still carries.
        if (state != "guest ended" && what != "0 bytes of the guest") AssertReachesProgram();
        if (state != "program ended" && what != "the program ends sending") AssertReachesGuest();
    }

    private void Play(string what)
    {
        switch (what)
        {
            case "data of the guest":
                _guest.Send("data"u8);
                break;
            case "0 bytes of the guest":
                _guest.EndSending();
                break;
            case "another type":
                _guest.SendPacket("data"u8, 4, type: 2);
                break;
            case "a length beyond the packet":
                _guest.SendPacket("data"u8, 400);
                break;
            case "the program writes":
                _program.Send("data"u8);
                break;
            case "the program ends sending":
                _program.Shutdown(SocketShutdown.Send);
                break;
            case "the program is gone":
                _program.Dispose();
                break;
            case "CLOSE_CHANNEL":
                _bus.Post(new CloseChannel(_guest.Channel.Id));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, "No such row.");
        }
    }

    private bool IsSeen(string effect) => effect switch
    {
        "the program gets it" => Read() == "data",
        "the program sees the end" => Ends(),
        "the guest gets it" => _guest.Receive(4).AsSpan().SequenceEqual("data"u8),
        "the guest sees the end" => _guest.ReceivesEnd(),
        "rescinded" => _bus.Expect<RescindChannelOffer>().ChannelId == _guest.Channel.Id,
        _ => false,
    };

    private void AssertReachesProgram()
    {
        _guest.Send("data"u8);
        Assert.Equal("data", Read());
    }

    private void AssertReachesGuest()
    {
        _program.Send("data"u8);
        Assert.Equal("data"u8, _guest.Receive(4));
    }

    private string Read()
    {
        byte[] bytes = new byte[4];
        int read = 0;
        while (read < bytes.Length && _program.Receive(bytes.AsSpan(read)) is > 0 and var count) read += count;
        return System.Text.Encoding.ASCII.GetString(bytes, 0, read);
    }

    private bool Ends()
    {
        try
        {
            return _program.Receive(new byte[1]) == 0;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
    }
}
