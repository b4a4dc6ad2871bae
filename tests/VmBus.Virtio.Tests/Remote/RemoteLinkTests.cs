using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Protocol.Virtio;
using VmBus.Virtio.Network;
using VmBus.Virtio.Remote;
using VmBus.Virtio.Tests.Network;
using VmBus.Virtio.Tests.VhostUser;
using VmBus.Virtio.VhostUser;
using Xunit;
using static VmBus.Virtio.Tests.Remote.RemoteLinkBench;

namespace VmBus.Virtio.Tests.Remote;

/// <summary>A link to a back-end of this project's own, which has a link that a test speaks for.</summary>
public sealed class RemoteLinkTests : IDisposable
{
    private const LinkOffloads Offloads = LinkOffloads.Checksum | LinkOffloads.Tcp4Segmentation;
    private readonly Export _log = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-virtio-").FullName;
    private readonly Lane _backLane;
    private readonly ScriptedLink _far = new(Offloads);
    private readonly RemoteLinkBench _near;
    private VhostUserServer _server;

    public RemoteLinkTests()
    {
        _backLane = Lane.Start("back", _log, new LaneOptions());
        _server = Serve();
        _near = new RemoteLinkBench(Socket);
    }

    private string Socket => Path.Combine(_folder, "s");

    public void Dispose()
    {
        _near.Dispose();
        _server.Dispose();
        _backLane.Dispose();
        _log.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Traits_are_what_the_back_end_offers()
    {
        Assert.True(_near.Link.IsUp);
        Assert.Equal(new LinkTraits(1, Offloads, LinkOffloads.None, 1514, 10_000_000_000), _near.Link.Traits);
    }

    [Fact]
    public void Frames_reach_the_back_end_with_what_is_to_be_done_to_them()
    {
        Await(() => Far(() => _far.IsOpen));
        var header = new VirtioNetHeader(VirtioNetFlags.NeedsChecksum, VirtioNetSegmentation.Tcp4, 54, 1448, 34, 16, 0);
        _near.Send(Frame(Own, 9000), header);
        _near.Send(Frame(Own, 60));
        Await(() => Far(() => _far.SentFrames.Count == 2));
        Assert.Equal(header, _far.SentFrames[0].Header);
        Assert.Equal(Frame(Own, 9000), _far.SentFrames[0].Frame);
        Assert.Equal(Frame(Own, 60), _far.SentFrames[1].Frame);
        Await(() => _near.Sent.Count == 2);
        Assert.All(_near.Sent, Assert.True);
        Assert.Equal((2, 9060), (_near.Queue.Counters.FramesSent, _near.Queue.Counters.BytesSent));
    }

    [Fact]
    public void Frames_come_from_the_back_end_but_those_to_others()
    {
        Deliver(Frame([2, 2, 2, 2, 2, 2], 60));
        Deliver(Frame(Own, 1514));
        Deliver(Frame([255, 255, 255, 255, 255, 255], 64));
        Await(() => _near.Received.Count == 2);
        Assert.Equal(Frame(Own, 1514), _near.Received[0]);
        Assert.Equal(64, _near.Received[1].Length);
        Assert.Equal((2, 1), (_near.Queue.Counters.FramesReceived, _near.Queue.Counters.ReceiveFiltered));
    }

    [Fact]
    public void Frames_wait_while_the_adapter_has_no_buffer()
    {
        Action feed = _near.Starve();
        Deliver(Frame(Own, 60));
        Deliver(Frame(Own, 61));
        Await(() => _near.RentedInVain);
        feed();
        Await(() => _near.Received.Count == 2);
        Assert.Equal([60, 61], _near.Received.Select(static frame => frame.Length));
    }

    [Fact]
    public void Link_is_down_without_its_back_end_and_up_when_that_is_back()
    {
        using var changed = new SemaphoreSlim(0);
        _near.Link.Changed += () => changed.Release();
        Await(() => Far(() => _far.IsOpen));
        _server.Dispose();
        Assert.True(changed.Wait(TimeSpan.FromSeconds(30)));
        Assert.False(_near.Link.IsUp);
        _ = _near.Log.WaitForLine("the link is down until there is one again");
        _near.Send(Frame(Own, 60));
        Await(() => _near.Sent.Contains(false));
        _server = Serve();
        Assert.True(changed.Wait(TimeSpan.FromSeconds(30)));
        Assert.True(_near.Link.IsUp);
        Deliver(Frame(Own, 62));
        Await(() => _near.Received.Any(static frame => frame.Length == 62));
        _near.Send(Frame(Own, 63));
        Await(() => Far(() => _far.SentFrames.Any(static sent => sent.Frame.Length == 63)));
    }

    [Fact]
    public void Back_end_that_is_missing_is_one_line()
    {
        BackEndException problem = Assert.Throws<BackEndException>(() => RemoteLink.Open(NicOptions.Parse("vhost-user=/nowhere"), 1, _log));
        Assert.Equal("Network adapter 'vhost-user=/nowhere' has no back-end: there is no socket '/nowhere'; start the back-end first.", problem.Message);
    }

    private VhostUserServer Serve() => VhostUserServer.Listen(Socket, () => new NetDevice(_far, MacAddress.Read([0x52, 0x54, 0, 0, 0, 9]), 1), [_backLane], 1, _log);

    private void Deliver(byte[] frame) => Await(() => Far(() => _far.IsOpen && _far.Receive(frame)));

    private T Far<T>(Func<T> look) => Look(_backLane, look);
}
