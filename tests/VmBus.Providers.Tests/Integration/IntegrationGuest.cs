using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Memory.Rings;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.TestKit;
using Xunit;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Providers.Tests.Integration;

/// <summary>A request as the guest finds it in its ring.</summary>
internal sealed record GuestRequest(ulong Id, IntegrationHeader Header, byte[] Packet)
{
    public ReadOnlySpan<byte> Body => Packet.AsSpan(IntegrationHeader.Size);
}

/// <summary>
/// The guest's side of an integration channel without a bus: answers as Linux does, in the buffer of the request, or as a test wants. What the
/// endpoint has posted to its lane runs when the test says so, on the test's thread.
/// </summary>
internal sealed class IntegrationGuest : IIntegrationChannel
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly BlockingCollection<Action> _lane = [];
    private IntegrationEndpoint? _endpoint;

    public IntegrationGuest(IntegrationService service)
    {
        Provider = new IntegrationProvider(service, Clock, NullLogger.Instance);
        Version = service.Versions[^1];
    }

    public ManualClock Clock { get; } = new();

    public IntegrationProvider Provider { get; }

    /// <summary>Every request but negotiations, in order.</summary>
    public List<GuestRequest> Requests { get; } = [];

    /// <summary>The negotiations, in order.</summary>
    public List<GuestRequest> Negotiations { get; } = [];

    /// <summary>The version that the guest chooses; null when it knows none of the host's.</summary>
    public IntegrationVersion? Version { get; set; }

    /// <summary>Edits a request where it lies and says which status to answer; null for no answer at all. Success without it.</summary>
    public Func<GuestRequest, IntegrationStatus?>? Serve { get; set; }

    /// <summary>Whether negotiations are answered.</summary>
    public bool Negotiates { get; set; } = true;

    public bool HasRoom { get; set; } = true;

    public int Closes { get; private set; }

    public IntegrationEndpoint Endpoint => _endpoint ?? throw new InvalidOperationException("The channel is closed.");

    uint IIntegrationChannel.Id => 7;

    /// <summary>Opens the channel and lets the host say what it wants to.</summary>
    public IntegrationGuest Open()
    {
        _endpoint = Provider.Open(this);
        RunLane();
        return this;
    }

    public void Close()
    {
        Endpoint.Close();
        _endpoint = null;
    }

    /// <summary>Runs what was posted, and what that posts.</summary>
    public void RunLane()
    {
        while (_lane.TryTake(out Action? work)) work();
    }

    /// <summary>Moves the clock and runs the lane.</summary>
    public void Advance(TimeSpan time)
    {
        Clock.Advance(time);
        RunLane();
    }

    /// <summary>Runs the lane until <paramref name="task"/> has ended: its continuations run on other threads and post here.</summary>
    public T Complete<T>(Task<T> task)
    {
        End(task);
        return task.GetAwaiter().GetResult();
    }

    /// <summary>See <see cref="Complete{T}"/>.</summary>
    public void Complete(Task task)
    {
        End(task);
        task.GetAwaiter().GetResult();
    }

    /// <summary>Runs the lane until <paramref name="task"/> has failed.</summary>
    public IntegrationException Fails(Task task, IntegrationProblem problem)
    {
        End(task);
        IntegrationException failure = Assert.IsType<IntegrationException>(task.Exception?.InnerException);
        Assert.Equal(problem, failure.Problem);
        Assert.StartsWith(Provider.Service.Name + ": ", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        return failure;
    }

    /// <summary>Runs the lane until there have been so many requests.</summary>
    public void WaitForRequests(int count)
    {
        while (Requests.Count < count)
        {
            Assert.True(_lane.TryTake(out Action? work, Patience), $"There were {Requests.Count} requests where {count} are wanted.");
            work();
        }
    }

    /// <summary>Answers a request as Linux does.</summary>
    public void Answer(GuestRequest request, IntegrationStatus status = IntegrationStatus.Success, ulong? id = null)
    {
        WriteUInt32LittleEndian(request.Packet.AsSpan(20), (uint)status);
        request.Packet[25] = (byte)(IntegrationFlags.Transaction | IntegrationFlags.Response);
        Send(request.Packet, id ?? request.Id);
    }

    /// <summary>Sends any bytes.</summary>
    public void Send(byte[] payload, ulong id, PacketType type = PacketType.DataInband)
    {
        int total = (PacketDescriptor.Size + payload.Length + 7) / 8 * 8;
        var padded = new byte[total - PacketDescriptor.Size];
        payload.CopyTo(padded, 0);
        Assert.Equal(
            VmBus.Bus.Devices.PacketVerdict.Taken,
            Endpoint.Receive(new RingPacket(new PacketDescriptor(type, PacketDescriptor.Size, total, 0, id), [], padded)));
        Endpoint.EndBatch();
    }

    bool IIntegrationChannel.TrySend(ReadOnlySpan<byte> payload, ulong transactionId)
    {
        Assert.Equal(0, Closes);
        if (!HasRoom) return false;
        byte[] packet = payload.ToArray();
        Assert.True(IntegrationHeader.TryRead(packet, out IntegrationHeader header));
        Assert.Equal(packet.Length, IntegrationHeader.Size + header.BodyBytes);
        Assert.Equal(IntegrationFlags.Transaction | IntegrationFlags.Request, header.Flags);
        var request = new GuestRequest(transactionId, header, packet);
        if (header.Type == IntegrationMessageType.Negotiate)
        {
            Negotiations.Add(request);
            if (Negotiates) _lane.Add(() => Negotiate(request));
            return true;
        }

        Assert.Equal(Provider.Service.Type, header.Type);
        Assert.Equal(Version, header.Version);
        Requests.Add(request);
        if (Serve is not null && Serve(request) is { } status) _lane.Add(() => Answer(request, status));
        return true;
    }

    void IIntegrationChannel.Post(Action work) => _lane.Add(work);

    void IIntegrationChannel.Closed() => Closes++;

    /// <summary>Begins anew after a close.</summary>
    public IntegrationGuest Reopen()
    {
        Closes = 0;
        return Open();
    }

    /// <summary>Answers a negotiation as Linux does: two versions, and the rest of the host's list behind them.</summary>
    public void Negotiate(GuestRequest request)
    {
        if (_endpoint is null) return;
        Span<byte> body = request.Packet.AsSpan(IntegrationHeader.Size);
        ushort count = Version is null ? (ushort)0 : (ushort)1;
        WriteUInt16LittleEndian(body, count);
        WriteUInt16LittleEndian(body[2..], count);
        if (Version is { } version)
        {
            new IntegrationVersion(3, 0).Write(body[8..]);
            version.Write(body[12..]);
        }

        Answer(request);
    }

    private void End(Task task)
    {
        _ = task.ContinueWith(_ => _lane.Add(static () => { }), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (!task.IsCompleted)
        {
            Assert.True(_lane.TryTake(out Action? work, Patience), "Nothing happens, and the task has not ended.");
            work();
        }
    }
}
