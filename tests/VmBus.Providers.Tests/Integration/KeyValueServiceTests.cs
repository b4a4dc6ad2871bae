using VmBus.Protocol.Integration;
using VmBus.Providers.Integration;
using Xunit;

namespace VmBus.Providers.Tests.Integration;

/// <summary>Items and addresses with a guest that keeps them as Linux does, and with one that does what it likes.</summary>
public sealed class KeyValueServiceTests
{
    private readonly IntegrationGuest _guest = new(IntegrationServices.KeyValueExchange) { Version = new IntegrationVersion(4, 0) };
    private readonly List<KvpValue> _pool = [];
    private readonly KeyValueService _items;

    public KeyValueServiceTests()
    {
        _items = new KeyValueService(_guest.Provider, [new("HostName", "here"), new("VirtualMachineName", "guest")]);
        _guest.Serve = ServeAsLinux;
    }

    [Fact]
    public void Host_tells_of_itself_when_the_daemon_has_come()
    {
        _guest.Open();
        Assert.Equal([new("HostName", "here"), new("VirtualMachineName", "guest")], _pool);
        Assert.All(_guest.Requests, static request => Assert.Equal((byte)KvpPool.AutoExternal, request.Body[1]));
        _guest.Close();
        _pool.Clear();
        _guest.Reopen();
        Assert.Equal(2, _pool.Count);
    }

    [Fact]
    public void Items_are_listed_until_there_are_no_more()
    {
        _guest.Open();
        Assert.Equal(_pool, _guest.Complete(_items.ListAsync(KvpPool.Guest, CancellationToken.None)));
        Assert.Equal((byte)KvpPool.Guest, _guest.Requests[^1].Body[1]);
        Assert.All(_guest.Requests, static request => Assert.Equal(2580, request.Body.Length));
    }

    [Fact]
    public void List_that_does_not_end_is_an_error()
    {
        _guest.Open();
        _guest.Serve = static request =>
        {
            new KvpValue("again", "and again").Write(request.Packet.AsSpan(IntegrationHeader.Size + 8));
            return IntegrationStatus.Success;
        };
        _guest.Fails(_items.ListAsync(KvpPool.Guest, CancellationToken.None), IntegrationProblem.BadAnswer);
    }

    [Fact]
    public void Item_with_lengths_that_cannot_be_is_an_error()
    {
        _guest.Open();
        _guest.Serve = static request =>
        {
            request.Packet.AsSpan(IntegrationHeader.Size).Fill(0xFF);
            return IntegrationStatus.Success;
        };
        _guest.Fails(_items.ListAsync(KvpPool.Guest, CancellationToken.None), IntegrationProblem.BadAnswer);
    }

    [Fact]
    public void Value_that_the_answer_holds_is_taken_and_one_that_it_lacks_is_looked_for()
    {
        _guest.Open();
        Assert.Equal("here", _guest.Complete(_items.GetAsync(KvpPool.External, "HostName", CancellationToken.None)));
        Assert.Equal(KvpOperation.Enumerate, (KvpOperation)_guest.Requests[^1].Body[0]);
        _guest.Serve = static request =>
        {
            new KvpValue("HostName", "at once").Write(request.Packet.AsSpan(IntegrationHeader.Size + 4));
            return IntegrationStatus.Success;
        };
        Assert.Equal("at once", _guest.Complete(_items.GetAsync(KvpPool.External, "HostName", CancellationToken.None)));
        Assert.Equal(KvpOperation.Get, (KvpOperation)_guest.Requests[^1].Body[0]);
    }

    [Fact]
    public void Key_that_is_nowhere_has_no_value()
    {
        _guest.Open();
        Assert.Null(_guest.Complete(_items.GetAsync(KvpPool.External, "Nothing", CancellationToken.None)));
    }

    [Fact]
    public void Item_is_replaced_and_removed()
    {
        _guest.Open();
        _guest.Complete(_items.SetAsync(KvpPool.External, "HostName", "other", CancellationToken.None));
        Assert.Contains(new KvpValue("HostName", "other"), _pool);
        Assert.Equal(2, _pool.Count);
        Assert.True(_guest.Complete(_items.RemoveAsync(KvpPool.External, "HostName", CancellationToken.None)));
        Assert.False(_guest.Complete(_items.RemoveAsync(KvpPool.External, "HostName", CancellationToken.None)));
        Assert.Single(_pool);
    }

    [Theory]
    [InlineData("", "value")]
    [InlineData("nul\0", "value")]
    [InlineData("k", "nul\0")]
    [InlineData(256, 1)]
    [InlineData(1, 1024)]
    public void Item_that_does_not_fit_is_not_sent(object key, object value)
    {
        _guest.Open();
        int requests = _guest.Requests.Count;
        _guest.Fails(_items.SetAsync(KvpPool.External, Text(key), Text(value), CancellationToken.None), IntegrationProblem.BadRequest);
        Assert.Equal(requests, _guest.Requests.Count);

        static string Text(object of) => of as string ?? new string('x', (int)of);
    }

    [Fact]
    public void Refused_item_is_told_of()
    {
        _guest.Open();
        _guest.Serve = static _ => IntegrationStatus.NoMoreItems;
        _guest.Fails(_items.SetAsync(KvpPool.External, "k", "v", CancellationToken.None), IntegrationProblem.Refused);
        _guest.Serve = static _ => IntegrationStatus.Fail;
        _guest.Fails(_items.RemoveAsync(KvpPool.External, "k", CancellationToken.None), IntegrationProblem.Refused);
    }

    [Theory]
    [InlineData(4, 7428)]
    [InlineData(5, 3716)]
    public void Addresses_come_in_the_form_of_the_version(ushort major, int bodyBytes)
    {
        _guest.Version = new IntegrationVersion(major, 0);
        _guest.Open();
        var answer = new KvpAddresses("", KvpAddressFamilies.IPv4, true, ["10.0.0.2", "fd00::2"], ["255.0.0.0", "/64"], ["10.0.0.1"], ["10.0.0.3"]);
        string? asked = null;
        _guest.Serve = request =>
        {
            Assert.True(KvpMessages.TryReadAddresses(request.Body, request.Header.Version, out KvpAddresses question));
            asked = question.Adapter;
            request.Packet.AsSpan(IntegrationHeader.Size).Clear();
            KvpMessages.WriteAddresses(request.Packet.AsSpan(IntegrationHeader.Size), KvpOperation.GetAddresses, answer, request.Header.Version);
            return IntegrationStatus.Success;
        };
        KvpAddresses? read = _guest.Complete(_items.GetAddressesAsync("52:54:00:aa:00:01", CancellationToken.None));
        Assert.Equal(("52:54:00:AA:00:01", bodyBytes), (asked, _guest.Requests[^1].Body.Length));
        Assert.Equal(answer.Addresses, read!.Addresses);
        Assert.Equal(answer.Subnets, read.Subnets);
    }

    [Fact]
    public void Adapter_that_the_guest_does_not_know_has_no_addresses()
    {
        _guest.Open();
        _guest.Serve = static _ => IntegrationStatus.Fail;
        Assert.Null(_guest.Complete(_items.GetAddressesAsync("52:54:00:aa:00:01", CancellationToken.None)));
    }

    [Fact]
    public void Addresses_that_are_set_name_the_adapter_and_a_refusal_is_told_of()
    {
        _guest.Open();
        string? asked = null;
        _guest.Serve = request =>
        {
            Assert.True(KvpMessages.TryReadAddresses(request.Body, request.Header.Version, out KvpAddresses wanted));
            asked = wanted.Adapter;
            return IntegrationStatus.GuidNotFound;
        };
        _guest.Fails(_items.SetAddressesAsync(KvpAddresses.Of("{guid}"), CancellationToken.None), IntegrationProblem.Refused);
        Assert.Equal("{guid}", asked);
    }

    [Fact]
    public void Daemon_that_hangs_is_given_up_after_forty_seconds()
    {
        _guest.Open();
        _guest.Serve = null;
        Task list = _items.ListAsync(KvpPool.Auto, CancellationToken.None);
        _guest.RunLane();
        _guest.Advance(TimeSpan.FromSeconds(40));
        _guest.Fails(list, IntegrationProblem.NoAnswer);
    }

    // One pool for all; a value is not given when it is asked for by its key, as Linux does not.
    private IntegrationStatus? ServeAsLinux(GuestRequest request)
    {
        Span<byte> body = request.Packet.AsSpan(IntegrationHeader.Size);
        switch ((KvpOperation)body[0])
        {
            case KvpOperation.Set:
                Assert.True(KvpMessages.TryReadItem(body, KvpOperation.Set, out KvpValue item));
                _pool.RemoveAll(other => other.Key == item.Key);
                _pool.Add(item);
                return IntegrationStatus.Success;
            case KvpOperation.Delete:
                string key = WideText.Read(body[8..520]);
                return _pool.RemoveAll(other => other.Key == key) > 0 ? IntegrationStatus.Success : IntegrationStatus.NoMoreItems;
            case KvpOperation.Enumerate:
                if (body[4] >= _pool.Count) return IntegrationStatus.NoMoreItems;
                _pool[body[4]].Write(body[8..]);
                return IntegrationStatus.Success;
            case KvpOperation.Get:
                Assert.True(KvpMessages.TryReadItem(body, KvpOperation.Get, out KvpValue asked));
                return _pool.Exists(other => other.Key == asked.Key) ? IntegrationStatus.Success : IntegrationStatus.NoMoreItems;
            default:
                return null;
        }
    }
}
