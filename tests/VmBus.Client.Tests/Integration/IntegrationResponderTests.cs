using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Client.Channels;
using VmBus.Client.Integration;
using VmBus.Memory.Rings;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Ring;
using VmBus.Providers.Integration;
using VmBus.TestKit.Bus;
using Xunit;

namespace VmBus.Client.Tests.Integration;

/// <summary>A guest's end of an integration channel against the real service behind the real bus.</summary>
public sealed class IntegrationResponderTests : IDisposable
{
    private readonly FakeGuest _guest = new();
    private readonly FileGuest _files = new();

    public void Dispose() => _guest.Dispose();

    [Fact]
    public async Task File_of_the_host_arrives_whole()
    {
        var provider = new IntegrationProvider(IntegrationServices.FileCopy, TimeProvider.System, NullLogger.Instance);
        _guest.Server.Offer(provider);
        ClientChannel channel = _guest.Open(Assert.Single(_guest.Connect()), pagesPerRing: 5).Channel;
        var responder = new IntegrationResponder(channel, IntegrationServices.FileCopy, _files);
        using var end = new CancellationTokenSource();
        Task<bool> serving = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                if (!responder.Serve(TimeSpan.FromMilliseconds(50))) return false;
            }

            return true;
        });
        Assert.True(SpinWait.SpinUntil(() => provider.Contact == IntegrationContact.Ready, FakeGuest.Patience));
        string path = Path.GetTempFileName();
        byte[] content = new byte[100_001];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(path, content);
        try
        {
            Assert.Equal(content.Length, await new FileCopyService(provider).CopyAsync(path, "/tmp/naïve/", FileCopyFlags.CreatePath, CancellationToken.None));
        }
        finally
        {
            File.Delete(path);
            await end.CancelAsync();
        }

        Assert.True(await serving);
        Assert.Equal(("/tmp/naïve/", Path.GetFileName(path), FileCopyFlags.CreatePath), (_files.Folder, _files.Name, _files.Flags));
        Assert.Equal(content, _files.Content);
        Assert.True(_files.IsComplete);
        Assert.Equal(new IntegrationVersion(1, 1), responder.Version);
        Assert.Equal(0, responder.Ignored);
    }

    [Fact]
    public void What_is_no_request_is_counted_and_not_answered()
    {
        var channel = new ScriptedChannel();
        var responder = new IntegrationResponder(channel, IntegrationServices.FileCopy, _files);
        byte[] early = Message(IntegrationMessageType.FileCopy, new byte[36]);
        byte[] other = Message(IntegrationMessageType.Shutdown, new byte[36]);
        byte[] truncated = Message(IntegrationMessageType.Negotiate, [9, 0, 9, 0, 0, 0, 0, 0]);
        channel.Packets.Enqueue((PacketType.DataInband, []));
        channel.Packets.Enqueue((PacketType.Completion, early));
        foreach (byte[] message in new[] { early, other, truncated, early[..20] }) channel.Packets.Enqueue((PacketType.DataInband, message));
        Assert.True(responder.Serve(TimeSpan.Zero));
        Assert.Equal(6, responder.Ignored);
        Assert.Empty(channel.Answers);
        Assert.Null(responder.Version);
    }

    [Fact]
    public void Host_that_speaks_nothing_known_is_told_so_and_gets_no_service()
    {
        var channel = new ScriptedChannel();
        var responder = new IntegrationResponder(channel, IntegrationServices.FileCopy, _files);
        channel.Packets.Enqueue((PacketType.DataInband, Message(IntegrationMessageType.Negotiate, [1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 9, 0])));
        Assert.True(responder.Serve(TimeSpan.Zero));
        byte[] answer = Assert.Single(channel.Answers);
        Assert.True(VersionNegotiation.TryReadAnswer(answer.AsSpan(IntegrationHeader.Size), out IntegrationVersion? framework, out IntegrationVersion? version));
        Assert.Null(framework);
        Assert.Null(version);
        Assert.Null(responder.Version);
    }

    [Fact]
    public void Second_negotiation_abandons_what_was_on_its_way()
    {
        var channel = new ScriptedChannel();
        var responder = new IntegrationResponder(channel, IntegrationServices.FileCopy, _files);
        byte[] hello = Message(IntegrationMessageType.Negotiate, [1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 1, 0]);
        channel.Packets.Enqueue((PacketType.DataInband, hello));
        Assert.True(responder.Serve(TimeSpan.Zero));
        Assert.Equal(0, _files.Abandoned);
        channel.Packets.Enqueue((PacketType.DataInband, hello));
        Assert.True(responder.Serve(TimeSpan.Zero));
        Assert.Equal(1, _files.Abandoned);
        channel.IsBroken = true;
        Assert.False(responder.Serve(TimeSpan.Zero));
        Assert.Equal(2, _files.Abandoned);
    }

    private static byte[] Message(IntegrationMessageType type, byte[] body)
    {
        var message = new byte[IntegrationHeader.Size + body.Length];
        new IntegrationHeader(default, type, default, body.Length, default, 1, IntegrationFlags.Transaction | IntegrationFlags.Request).Write(message);
        body.CopyTo(message, IntegrationHeader.Size);
        return message;
    }

    /// <summary>Packets of a host that a test has written.</summary>
    private sealed class ScriptedChannel : IPacketChannel
    {
        public Queue<(PacketType Type, byte[] Payload)> Packets { get; } = new();

        public List<byte[]> Answers { get; } = [];

        public bool IsBroken { get; set; }

        public RingStatus TrySend(PacketType type, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, ulong transactionId, ushort flags)
        {
            Answers.Add(payload.ToArray());
            return RingStatus.Ok;
        }

        public void Flush()
        {
        }

        public RingStatus TryReceive(out RingPacket packet)
        {
            packet = default;
            if (IsBroken) return RingStatus.Corrupt;
            if (!Packets.TryDequeue(out (PacketType Type, byte[] Payload) next)) return RingStatus.Empty;
            packet = new RingPacket(new PacketDescriptor(next.Type, PacketDescriptor.Size, PacketDescriptor.Size + next.Payload.Length, 0, 1), [], next.Payload);
            return RingStatus.Ok;
        }

        public void Release()
        {
        }

        public bool Wait(TimeSpan timeout) => false;
    }

    /// <summary>Takes one file into memory.</summary>
    private sealed class FileGuest : IIntegrationGuest
    {
        public string Folder { get; private set; } = "";

        public string Name { get; private set; } = "";

        public FileCopyFlags Flags { get; private set; }

        public byte[] Content { get; private set; } = [];

        public bool IsComplete { get; private set; }

        public int Abandoned { get; private set; }

        public IntegrationStatus Serve(IntegrationVersion version, Span<byte> body)
        {
            if (!FileCopyMessages.TryReadOperation(body, out FileCopyOperation operation)) return IntegrationStatus.Fail;
            switch (operation)
            {
                case FileCopyOperation.Start:
                    FileCopyMessages.ReadStart(body, out string folder, out string name, out FileCopyFlags flags, out ulong bytes);
                    (Folder, Name, Flags, Content) = (folder, name, flags, new byte[bytes]);
                    return IntegrationStatus.Success;
                case FileCopyOperation.Write:
                    if (!FileCopyMessages.TryReadData(body, out ulong position, out ReadOnlySpan<byte> data)) return IntegrationStatus.InvalidArgument;
                    data.CopyTo(Content.AsSpan((int)position));
                    return IntegrationStatus.Success;
                case FileCopyOperation.Complete:
                    IsComplete = true;
                    return IntegrationStatus.Success;
                case FileCopyOperation.Cancel:
                default:
                    return IntegrationStatus.Fail;
            }
        }

        public void Abandon() => Abandoned++;
    }
}
