using VmBus.Bus.Gpadls;
using VmBus.Protocol.Channel;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Bus.Tests.Channels;

/// <summary>What one guest can make the host remember has an end, over all its channels, and giving back counts.</summary>
public sealed class GpadlQuotaTests : IDisposable
{
    // As many as the 16 bits of a header's length allow.
    private const int LargestPages = 8190;

    private readonly ServerHarness _bus = new();

    public void Dispose() => _bus.Dispose();

    [Fact]
    public void Pages_of_a_connection_are_bounded()
    {
        uint channel = Connect(1)[0];
        uint gpadl = 1;
        int left = GpadlLimits.MaximumPages;
        for (; left >= LargestPages; left -= LargestPages) Assert.Equal("GPADL_CREATED", Describe(channel, gpadl++, LargestPages));
        Assert.Equal("GPADL_CREATED failed, refused Quota", Describe(channel, 9000, left + 1));
        Assert.Equal("GPADL_CREATED", Describe(channel, gpadl, left));
        Assert.Equal("GPADL_CREATED failed, refused Quota", Describe(channel, 9000, 1));
        _bus.Post(new GpadlTeardown(channel, 1));
        _ = _bus.Take();
        Assert.Equal("GPADL_CREATED", Describe(channel, 9000, LargestPages));
        Assert.Equal("GPADL_CREATED failed, refused Quota", Describe(channel, 9001, 1));
    }

    [Fact]
    public void Gpadls_of_a_connection_are_bounded()
    {
        List<uint> channels = Connect((GpadlLimits.MaximumCount / GpadlLimits.MaximumPerChannel) + 1);
        foreach (uint channel in channels.SkipLast(1))
        {
            for (uint gpadl = 1; gpadl <= GpadlLimits.MaximumPerChannel; gpadl++) Assert.Equal("GPADL_CREATED", Describe(channel, gpadl, 1));
        }

        Assert.Equal("GPADL_CREATED failed, refused Quota", Describe(channels[^1], 1, 1));
        _bus.Post(new GpadlTeardown(channels[0], 1));
        _ = _bus.Take();
        Assert.Equal("GPADL_CREATED", Describe(channels[^1], 1, 1));
    }

    private List<uint> Connect(int channels)
    {
        List<uint> ids = [.. Enumerable.Range(0, channels).Select(_ => _bus.Offer())];
        _bus.Contact();
        _bus.Post(new RequestOffers());
        _ = _bus.Take();
        return ids;
    }

    // The same page over and over: it counts each time.
    private string Describe(uint channel, uint gpadl, int pages)
    {
        var ranges = new byte[8 + (8 * pages)];
        WriteUInt32LittleEndian(ranges, (uint)pages * 4096);
        for (int i = 0; i < pages; i++) WriteUInt64LittleEndian(ranges.AsSpan(8 + (8 * i)), 16);
        int sent = Math.Min(ranges.Length, 27 * 8);
        _bus.Post(new GpadlHeader(channel, gpadl, (ushort)ranges.Length, 1), ranges.AsSpan(0, sent));
        for (int part; sent < ranges.Length; sent += part)
        {
            part = Math.Min(ranges.Length - sent, 28 * 8);
            _bus.Post(new GpadlBody(0, gpadl), ranges.AsSpan(sent, part));
        }

        return _bus.Take();
    }
}
