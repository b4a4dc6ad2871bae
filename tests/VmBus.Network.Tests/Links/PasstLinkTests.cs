using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Lanes;
using VmBus.Network.Frames;
using VmBus.Network.Links;
using VmBus.Network.Links.Passt;
using VmBus.Network.Tests.Host;
using Xunit;

namespace VmBus.Network.Tests.Links;

/// <summary>A real passt: it answers DHCP, so that frames both ways are seen without any other machine.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PasstLinkTests
{
    internal const string Name = "passt";
    private static readonly MacAddress Broadcast = Packets.Mac("ff:ff:ff:ff:ff:ff");
    private static readonly MacAddress GuestMac = Packets.Mac(2);

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    [InlineData(LaneEngineKind.Epoll)]
    public void Guest_is_offered_an_address(LaneEngineKind engine) => Run(() =>
    {
        using PasstLink link = Open();
        using var adapter = new Adapter(link, engine: engine);
        AssertAnswers(adapter, 1);
        LinkQueueCounters counters = adapter.Counters;
        Assert.Equal(1, counters.FramesSent);
        Assert.InRange(counters.FramesReceived, 1, 10);
    });

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    public void Frames_the_adapter_does_not_want_are_dropped(LaneEngineKind engine) => Run(() =>
    {
        using PasstLink link = Open();
        link.SetFilter(new FrameFilter(Packets.Mac(3), FrameKinds.Directed));
        using var adapter = new Adapter(link, engine: engine);
        Assert.True(adapter.Send(Discover(1)));
        // The answer comes after all that passt says unasked.
        SpinWait.SpinUntil(() => adapter.Counters.ReceiveFiltered > 0, TimeSpan.FromSeconds(30));
        Assert.Equal(0, adapter.Counters.FramesReceived);
        Assert.InRange(adapter.Counters.ReceiveFiltered, 1, 10);
    });

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    public void Child_that_is_killed_is_started_again(LaneEngineKind engine) => Run(() =>
    {
        using PasstLink link = Open();
        using var adapter = new Adapter(link, engine: engine);
        AssertAnswers(adapter, 1);
        int first = link.ProcessId;
        LinkStateTests.Use(link, () => Process.GetProcessById(first).Kill(), up: false);
        LinkStateTests.Use(link, () => { }, up: true);
        Assert.NotEqual(first, link.ProcessId);
        // The queue has the new connection before anything that is posted to its lane from now on.
        AssertAnswers(adapter, 2);
    });

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    public void Passt_of_another_process_serves_ends_with_its_use_and_is_asked_for_when_it_has_ended(LaneEngineKind engine) => Run(() =>
    {
        using var asked = new AutoResetEvent(false);
        LinkDescriptors open = LinkFactory.OpenDescriptors(NicOptions.Parse("user"), 4);
        int process;
        using (var link = (PasstLink)LinkFactory.Use(open, () => asked.Set(), NullLogger.Instance))
        {
            link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed | FrameKinds.Broadcast | FrameKinds.Multicast));
            using var adapter = new Adapter(link, engine: engine);
            AssertAnswers(adapter, 1);
            // It takes no other while it has one.
            link.Renew(LinkFactory.OpenDescriptors(NicOptions.Parse("user"), 1));
            int first = link.ProcessId;
            LinkStateTests.Use(link, () => Process.GetProcessById(first).Kill(), up: false);
            Assert.True(asked.WaitOne(TimeSpan.FromSeconds(30)));
            Assert.True(asked.WaitOne(TimeSpan.FromSeconds(30)), "It asks once only.");
            LinkStateTests.Use(link, () => link.Renew(LinkFactory.OpenDescriptors(NicOptions.Parse("user"), 1)), up: true);
            process = link.ProcessId;
            Assert.NotEqual(first, process);
            AssertAnswers(adapter, 2);
        }

        Assert.False(Directory.Exists($"/proc/{process}"), "passt outlived its use, or nobody has waited for it.");
    });

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    public void Child_that_does_not_read_costs_frames_and_none_is_torn(LaneEngineKind engine) => Run(() =>
    {
        using PasstLink link = Open();
        using var adapter = new Adapter(link, engine: engine);
        Signal(link.ProcessId, "STOP");
        byte[] frame = Packets.Plain(Packets.Mac(9), GuestMac, 1, 1514);
        int sent = 0;
        while (adapter.Send(frame)) Assert.True(++sent < 10_000);
        Assert.Equal(1, adapter.Counters.SendQueueFull);
        Signal(link.ProcessId, "CONT");
        // What waited goes, whole, and what follows is understood.
        SpinWait.SpinUntil(() => adapter.Send(Discover(7)), TimeSpan.FromSeconds(30));
        adapter.Take(answer => IsOffer(answer.Bytes, 7));
        Assert.True(link.IsUp);
    });

    [PasstTheory]
    [InlineData(LaneEngineKind.IoUring)]
    public void Queue_goes_on_where_the_last_one_stopped(LaneEngineKind engine) => Run(() =>
    {
        using PasstLink link = Open();
        int process = link.ProcessId;
        for (uint round = 1; round < 4; round++)
        {
            using var adapter = new Adapter(link, engine: engine);
            using (var second = new Adapter(link)) Assert.False(second.IsOpen);
            AssertAnswers(adapter, round);
        }

        Assert.Equal(process, link.ProcessId);
    });

    [PasstTheory]
    [InlineData("user")]
    public void Child_ends_with_the_link(string text) => Run(() =>
    {
        int process;
        using (PasstLink link = Open(text)) process = link.ProcessId;
        Assert.Throws<ArgumentException>(() => Process.GetProcessById(process));
    });

    // All that a parent leaves that is killed.
    [PasstTheory]
    [InlineData(1500)]
    public void Child_ends_when_the_other_end_of_its_connection_goes(int mtu) => Run(() =>
    {
        using PasstProcess passt = PasstProcess.Start(mtu);
        using var ended = new ManualResetEventSlim();
        passt.Ended += _ => ended.Set();
        Assert.False(passt.HasEnded);
        passt.Connection.Dispose();
        Assert.True(ended.Wait(TimeSpan.FromSeconds(30)), "passt outlived its connection.");
    });

    [Fact]
    public void Missing_program_is_named_with_its_package()
    {
        string? path = Environment.GetEnvironmentVariable("PATH");
        Environment.SetEnvironmentVariable("PATH", "/nowhere");
        try
        {
            LinkException refused = Assert.Throws<LinkException>(() => Open());
            Assert.Equal(LinkProblem.MissingTool, refused.Problem);
            Assert.Contains("install the package passt", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }

    [Fact]
    public void More_than_one_queue_is_refused() =>
        Assert.Equal(LinkProblem.BadOption, Assert.Throws<LinkException>(() => Open("user,queues=2")).Problem);

    [PasstTheory]
    [InlineData("user")]
    public void Host_without_a_route_is_told_so(string text) => NetworkNamespace.Run(() =>
    {
        LinkException refused = Assert.Throws<LinkException>(() => Open(text));
        Assert.Contains("default route", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    });

    // Where nothing is but a way out, which passt asks for.
    private static void Run(Action body) => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap add out mode tap");
        NetworkNamespace.Ip("addr add 10.9.1.2/24 dev out");
        NetworkNamespace.Ip("link set out up");
        NetworkNamespace.Ip("route add default via 10.9.1.1 dev out");
        body();
    });

    private static PasstLink Open(string text = "user")
    {
        PasstLink link = PasstLink.Open(NicOptions.Parse(text), NullLogger.Instance);
        link.SetFilter(new FrameFilter(GuestMac, FrameKinds.Directed | FrameKinds.Broadcast | FrameKinds.Multicast));
        return link;
    }

    private static void AssertAnswers(Adapter adapter, uint transaction)
    {
        Assert.True(adapter.Send(Discover(transaction)));
        adapter.Take(frame => IsOffer(frame.Bytes, transaction));
    }

    private static byte[] Discover(uint transaction)
    {
        byte[] message = new byte[300];
        // BOOTREQUEST, Ethernet, 6 address bytes.
        message[0] = message[1] = 1;
        message[2] = 6;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), transaction);
        GuestMac.Write(message.AsSpan(28));
        // The magic cookie, then: message type DISCOVER, end.
        byte[] options = [0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255];
        options.CopyTo(message, 236);
        return Packets.UdpFrame(Broadcast, GuestMac, new IPEndPoint(IPAddress.Broadcast, 67), new IPEndPoint(IPAddress.Any, 68), message, finished: true);
    }

    private static bool IsOffer(byte[] frame, uint transaction) =>
        frame.Length > 50 && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == 0x0800 && frame[23] == 17
        && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34)) == 67 && BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(46)) == transaction;

    private static void Signal(int process, string signal)
    {
        using Process kill = Process.Start("/bin/kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class PasstTheoryAttribute : TheoryAttribute
    {
        public PasstTheoryAttribute()
        {
            Skip = NetworkNamespace.Missing;
            string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':');
            if (!Array.Exists(folders, folder => File.Exists(Path.Combine(folder, PasstProcess.Program)))) Skip = "Needs passt (Debian: passt).";
        }
    }
}
