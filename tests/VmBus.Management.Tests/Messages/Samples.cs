using System.Buffers;
using VmBus.Management.Messages;
using VmBus.Management.MessagePack;
using VmBus.Management.Values;

namespace VmBus.Management.Tests.Messages;

/// <summary>One value of each kind of the contract, with every key set, and what reads it back.</summary>
internal static class Samples
{
    private static readonly ChannelReport Channel = new(
        7, "type", "instance", "scsi", 1, "open", 2, "lane-0", 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16);

    private static readonly VirtioDiskReport VirtioDisk = new("data", 1, 2, 3, 4, 5);

    private static readonly DiskReport Disk = new("data", 63, "/images/a b.img", "qcow2", true, "removing", 1L << 40, "virtio");

    private static readonly PartitionStatus Status = new("web", "running", 99, "/run/control", 1, 2, "1G,max=2G", "on-crash", true, true, "crashed", "why", 3, "gone");

    private static readonly NicTraffic Traffic = new(1, 2, 3, 4, 5, 6, 7);

    private static readonly AddressReport Adapter = new("lan", "02:00:00:00:00:01", true, true, ["10.0.0.2", "fd00::2"], ["255.0.0.0"], ["10.0.0.1"], []);

    /// <summary>By the names of their types.</summary>
    public static IReadOnlyDictionary<string, Sample> All { get; } = new Sample[]
    {
        Of(NoValue.Instance),
        Of(new HelloRequest("client", 1, 2)),
        Of(new HelloReply("server", 1)),
        Of(new PartitionReport("guest", "running", 99, "5.3", 100, [Channel, Channel with { Id = 8, Lane = null }], [VirtioDisk])),
        Of(Channel),
        Of(VirtioDisk),
        Of(Disk),
        Of(new DiskList([Disk, Disk with { Id = "other" }])),
        Of(new AddRequest("user,id=lan")),
        Of(new RemoveRequest("lan")),
        Of(new RemoveReply(true)),
        Of(new ResizeRequest("data", 4096)),
        Of(new ResizeReply(Disk, 5)),
        Of(new ServiceReport("VSS", "ready", "5.0")),
        Of(new ServiceList([new ServiceReport("VSS", "no-driver", null)])),
        Of(new ShutdownRequest("reboot", true)),
        Of(new HeartbeatReport("ok", "healthy", 1, 2, 3)),
        Of(new PoolRequest("guest")),
        Of(new ItemReport("guest", "key", "value")),
        Of(new ItemList([new ItemReport("auto", "key", "value"), new ItemReport("guest", "", "")])),
        Of(new KeyRequest("auto", "OSName")),
        Of(new ItemReply("Debian")),
        Of(new FoundReply(true)),
        Of(new ItemRequest("external", "key", "value")),
        Of(Adapter),
        Of(new AddressList([Adapter, Adapter with { Used = false }])),
        Of(new AddressRequest("lan", "ipv6", false, ["fd00::2"], ["64"], ["fd00::1"], ["fd00::3"])),
        Of(new FreezeRequest(60_000)),
        Of(new CopyRequest("/a b", "/c/", true, false)),
        Of(new CopyReply(5)),
        Of(new CopyProgress(3, 5)),
        Of(new MemoryRequest(1 << 29)),
        Of(new MemoryReport(true, "2.0", true, false, 1, 2, 3, 4, 5, 6, 7, 8)),
        Of(new NicReport("lan", "user", "02:00:00:00:00:01", "attached", true, Traffic, [new NicQueueReport(1, Traffic, 8, 9, 10, 11)])),
        Of(Traffic),
        Of(new NicQueueReport(1, Traffic, 8, 9, 10, 11)),
        Of(new NicList([new NicReport("lan", "user", "02:00:00:00:00:01", "attached", false, Traffic, [])])),
        Of(new PowerOffRequest(30_000)),
        Of(new PowerOffReply(30_000)),
        Of(Status),
        Of(new PartitionStatusList([Status, Status with { Name = "off", Process = null }], ["bad.json: line 1"])),
        Of(new NameRequest("web")),
        Of(new DefineRequest("web", "{}", true)),
        Of(new DefinitionReply("{}")),
        Of(new StopRequest("web", 5000, true)),
        Of(new EndReply("crashed", "why")),
        Of(new GiveRequest("web", "disk", "/data.img,readonly")),
        Of(new AutostartRequest("web", true)),
        Of(new ReloadReply(2, ["bad.json: line 1"])),
        Of(new AttachRequest(4096)),
        Of(new AttachReply(17)),
        Of(new TraceRequest(true, ["scsi", "7"], 1, 2, 3)),
        Of(new ControlEvent(1_795_675_377_123, "guest", "crashed", "why", 3, "network", 1)),
    }.ToDictionary(sample => sample.Name, StringComparer.Ordinal);

    private static Sample Of<T>(T value)
        where T : IControlValue<T>
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(output);
        value.Write(ref writer);
        writer.Flush();
        return new Sample(
            typeof(T).Name,
            output.WrittenSpan.ToArray(),
            bytes => new ControlMessage(MessageKind.Request, 1, "test", null, bytes).ReadBody<T>());
    }

    /// <summary>A value.</summary>
    /// <param name="Name">Its type.</param>
    /// <param name="Bytes">As it is on the wire.</param>
    /// <param name="Read">Reads such a value, or throws a <see cref="ControlException"/>.</param>
    internal sealed record Sample(string Name, byte[] Bytes, Func<byte[], object> Read);
}
