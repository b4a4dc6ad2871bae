using System.Diagnostics;
using VmBus.Client.Uio;
using VmBus.GuestTools.Daemon;
using VmBus.Memory.Rings;
using VmBus.Native.Linux;
using VmBus.Protocol.Echo;
using VmBus.Protocol.Ring;

namespace VmBus.GuestTools.Bench;

/// <summary>The host's echo device, whose channel <c>uio_hv_generic</c> opens for this program. Source: protocol-spec/echo.md.</summary>
internal sealed class ChannelLink : IBenchLink
{
    private const int PayloadBytes = 4096;
    private const int PacketBytes = PayloadBytes + PacketDescriptor.Size + PacketDescriptor.TrailerBytes;
    private const int ShortBytes = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly EventFd _wake = EventFd.Create();
    private readonly UioDevice _device;
    private readonly UioChannel _channel;
    private readonly byte[] _payload = new byte[PayloadBytes];
    private ulong _sent;
    private ulong _answered;

    private ChannelLink(UioDevice device)
    {
        _device = device;
        _channel = device.Open(_wake);
        Name = $"the channel of {device.Node}, rings of {_channel.RingBytes / 1024} KiB";
    }

    /// <inheritdoc/>
    public string Name { get; }

    // Half of the ring at most, so that neither end finds the other's full.
    private ulong Window => (ulong)Math.Max(1, _channel.RingBytes / 2 / PacketBytes);

    /// <summary>Has the kernel open the device's channel.</summary>
    /// <exception cref="ToolException">There is no such device, or another program has it.</exception>
    public static ChannelLink Open()
    {
        if (UioDevice.Find(EchoInterface.Type) is not [UioDevice device, ..])
            throw new ToolException("The host offers no echo device: start the partition with 'vmbus run --echo', or measure a Hyper-V socket with --socket PORT.");
        try
        {
            device.Bind();
            if (device.Node is { } node && DeviceHolder.Find(node) is not null) throw new ToolException($"{node} is open in {DeviceHolder.Describe(node)}: wait until it has ended.");
            return new ChannelLink(device);
        }
        catch (UioException problem)
        {
            throw new ToolException($"{problem.Message} A Hyper-V socket can be measured in any guest: --socket PORT.");
        }
    }

    /// <inheritdoc/>
    public void RoundTrip()
    {
        Put(ShortBytes, PacketDescriptor.CompletionRequested);
        _channel.Flush();
        TakeUntil(_sent);
    }

    /// <inheritdoc/>
    public long? Send(TimeSpan duration)
    {
        long bytes = 0;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            // The last of a window is answered, which says that the host has taken them all.
            for (ulong i = 1; i < Window; i++) Put(PayloadBytes, 0);
            Put(PayloadBytes, PacketDescriptor.CompletionRequested);
            _channel.Flush();
            TakeUntil(_sent);
            bytes += (long)Window * PayloadBytes;
        }

        return bytes;
    }

    /// <inheritdoc/>
    public long Echo(TimeSpan duration)
    {
        ulong before = _answered;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            while (_sent - _answered < Window) Put(PayloadBytes, PacketDescriptor.CompletionRequested);
            _channel.Flush();
            TakeUntil(_answered + 1);
        }

        TakeUntil(_sent);
        return (long)(_answered - before) * PayloadBytes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _channel.Dispose();
        _wake.Dispose();
        // Back to what it was: a device without a driver.
        _device.Unbind();
    }

    // Packets that are not answered count as answered with the next that is: the host takes them in order.
    private void Put(int bytes, ushort flags)
    {
        if (_channel.TrySend(PacketType.DataInband, default, _payload.AsSpan(0, bytes), _sent + 1, flags) != RingStatus.Ok)
            throw new ToolException("The host has taken the echo device away, or does not empty its ring.");
        _sent++;
    }

    private void TakeUntil(ulong answered)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            RingStatus status;
            while ((status = _channel.TryReceive(out RingPacket packet)) == RingStatus.Ok) _answered = Math.Max(_answered, packet.Descriptor.TransactionId);
            if (status != RingStatus.Empty) throw new ToolException("The host has taken the echo device away, or broken its ring.");
            _channel.Release();
            if (_answered >= answered) return;
            if (Stopwatch.GetElapsedTime(started) > Patience) throw new ToolException($"The host has not answered for {Patience.TotalSeconds} seconds.");
            _ = _channel.Wait(Patience);
        }
    }
}
