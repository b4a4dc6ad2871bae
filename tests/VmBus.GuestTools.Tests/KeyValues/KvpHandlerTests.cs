using System.Buffers.Binary;
using System.Text;
using VmBus.GuestTools.Addresses;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.KeyValues;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Tests.KeyValues;

public sealed class KvpHandlerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _lines = [];
    private readonly RecordingAdapters _adapters = new();
    private readonly KvpHandler _handler;

    public KvpHandlerTests()
        => _handler = new KvpHandler(new KvpPools(_folder.Path, static () => [new("OSName", "Test")]), _adapters, new DaemonLog(_lines.Add));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Item_that_the_host_sets_is_got_enumerated_and_deleted()
    {
        Assert.Equal(IntegrationStatus.Success, Ask(Item(KvpOperation.Set, KvpPool.External, "Key", "Wert"), out _));
        Assert.Equal(IntegrationStatus.Success, Ask(Item(KvpOperation.Get, KvpPool.External, "Key", ""), out byte[] got));
        // Where the kernel looks for it, which is not where it lies in the request.
        Assert.Equal("Wert", FixedText.Read(got.AsSpan(532)));
        Assert.Equal(IntegrationStatus.Success, Ask(Enumerate(KvpPool.External, 0), out byte[] item));
        Assert.Equal((1u, 4u, 5u), (Number(item, 8), Number(item, 12), Number(item, 16)));
        Assert.Equal(("Key", "Wert"), (FixedText.Read(item.AsSpan(20)), FixedText.Read(item.AsSpan(532))));
        Assert.Equal(IntegrationStatus.NoMoreItems, Ask(Enumerate(KvpPool.External, 1), out _));
        byte[] delete = Message(KvpOperation.Delete, KvpPool.External);
        Encoding.UTF8.GetBytes("Key", delete.AsSpan(8));
        Assert.Equal(IntegrationStatus.Success, Ask([.. delete], out _));
        Assert.Equal(IntegrationStatus.NoMoreItems, Ask(delete, out _));
    }

    [Fact]
    public void Guests_own_items_are_read_and_not_written()
    {
        Assert.Equal(IntegrationStatus.Success, Ask(Enumerate(KvpPool.Auto, 0), out byte[] item));
        Assert.Equal("OSName", FixedText.Read(item.AsSpan(20)));
        Assert.Equal(IntegrationStatus.Fail, Ask(Item(KvpOperation.Set, KvpPool.Auto, "OSName", "Other"), out _));
        Assert.Equal(IntegrationStatus.Fail, Ask(Item(KvpOperation.Set, KvpPool.AutoInternal, "Key", "x"), out _));
        Assert.Equal(IntegrationStatus.NoMoreItems, Ask(Enumerate(KvpPool.AutoInternal, 0), out _));
        Assert.Equal(IntegrationStatus.NoMoreItems, Ask(Enumerate((KvpPool)200, 0), out _));
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Enumeration_shows_the_pool_as_it_was_at_its_begin()
    {
        Ask(Item(KvpOperation.Set, KvpPool.Guest, "a", "1"), out _);
        Ask(Item(KvpOperation.Set, KvpPool.Guest, "b", "2"), out _);
        Ask(Enumerate(KvpPool.Guest, 0), out _);
        new KvpPoolFile(_folder[".kvp_pool_1"]).Remove("a");
        Ask(Enumerate(KvpPool.Guest, 1), out byte[] item);
        Assert.Equal("b", FixedText.Read(item.AsSpan(20)));
    }

    [Fact]
    public void Unknown_operation_is_answered_with_a_failure()
        => Assert.Equal(IntegrationStatus.Fail, Ask(Message((KvpOperation)77, KvpPool.External), out _));

    [Fact]
    public void Addresses_are_asked_for_by_ethernet_address_and_lists_hold_whole_entries_only()
    {
        _adapters.Has = KvpAddresses.Of("x") with
        {
            Addresses = [.. Enumerable.Repeat("2001:db8::1234:5678:9abc:def0", 100)],
            Gateways = ["10.0.0.1"],
            Families = KvpAddressFamilies.IPv6,
        };
        byte[] ask = Message(KvpOperation.GetAddresses, KvpPool.External);
        Encoding.UTF8.GetBytes("52:54:00:00:00:0A", ask.AsSpan(4));
        Assert.Equal(IntegrationStatus.Success, Ask([.. ask], out byte[] answer));
        Assert.Equal("52:54:00:00:00:0A", _adapters.Asked);
        Assert.All(FixedText.Read(answer.AsSpan(262, 2048)).Split(';'), static entry => Assert.Equal("2001:db8::1234:5678:9abc:def0", entry));
        Assert.Equal("10.0.0.1", FixedText.Read(answer.AsSpan(4358)));
        Assert.Equal(2, answer[260]);
        _adapters.Has = null;
        Assert.Equal(IntegrationStatus.Fail, Ask(ask, out _));
    }

    [Theory]
    [InlineData(AddressStatus.Done, IntegrationStatus.Success)]
    [InlineData(AddressStatus.NoSuchAdapter, IntegrationStatus.GuidNotFound)]
    [InlineData(AddressStatus.Invalid, IntegrationStatus.InvalidArgument)]
    [InlineData(AddressStatus.Failed, IntegrationStatus.Fail)]
    public void Addresses_that_the_host_sets_are_read_from_the_kernels_fields(object outcome, IntegrationStatus status)
    {
        _adapters.Outcome = (AddressStatus)outcome;
        byte[] ask = Message(KvpOperation.SetAddresses, KvpPool.External);
        foreach ((int offset, string text) in new[] { (4, "{id}\e[31m"), (262, "10.0.0.2;fd00::2;"), (2310, "255.0.0.0;64"), (4358, "10.0.0.1"), (5382, "10.0.0.5;") })
            Encoding.UTF8.GetBytes(text, ask.AsSpan(offset));
        Assert.Equal(status, Ask(ask, out _));
        KvpAddresses set = _adapters.WasSet!;
        Assert.Equal(["10.0.0.2", "fd00::2"], set.Addresses);
        Assert.Equal(["255.0.0.0", "64"], set.Subnets);
        Assert.Equal(["10.0.0.1"], set.Gateways);
        Assert.Equal(["10.0.0.5"], set.NameServers);
        Assert.DoesNotContain(_lines, static line => line.Contains('\e', StringComparison.Ordinal));
    }

    private static byte[] Message(KvpOperation operation, KvpPool pool)
    {
        byte[] message = new byte[KvpRequest.Size];
        (message[0], message[1]) = ((byte)operation, (byte)pool);
        return message;
    }

    private static byte[] Item(KvpOperation operation, KvpPool pool, string key, string value)
    {
        byte[] message = Message(operation, pool);
        Encoding.UTF8.GetBytes(key, message.AsSpan(16));
        Encoding.UTF8.GetBytes(value, message.AsSpan(528));
        return message;
    }

    private static byte[] Enumerate(KvpPool pool, uint index)
    {
        byte[] message = Message(KvpOperation.Enumerate, pool);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), index);
        return message;
    }

    private static uint Number(byte[] message, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(offset));

    private IntegrationStatus Ask(byte[] message, out byte[] answer)
    {
        answer = _handler.Answer(message).ToArray();
        Assert.Equal(KvpRequest.Size, answer.Length);
        return (IntegrationStatus)Number(answer, 0);
    }

    private sealed class RecordingAdapters : IAdapterAddresses
    {
        public KvpAddresses? Has { get; set; }

        public string Asked { get; private set; } = "";

        public KvpAddresses? WasSet { get; private set; }

        public AddressStatus Outcome { get; set; }

        public KvpAddresses? Read(string adapter)
        {
            Asked = adapter;
            return Has;
        }

        public AddressStatus Set(KvpAddresses addresses, out string said)
        {
            (WasSet, said) = (addresses, "said");
            return Outcome;
        }
    }
}
