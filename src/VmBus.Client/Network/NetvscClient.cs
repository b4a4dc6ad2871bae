using System.Buffers.Binary;
using VmBus.Client.Channels;
using VmBus.Memory.Guest;
using VmBus.Protocol.Channel;
using VmBus.Protocol.Network;

namespace VmBus.Client.Network;

/// <summary>The driver of a synthetic network adapter, in the order of Linux's: versions, buffers, RNDIS, sub-channels, and their end.</summary>
/// <remarks>
/// Members are called on the <see cref="VmBusClient"/>'s thread, which is also that of <see cref="Queues"/>[0] while one of them runs; each other
/// queue may have a thread of its own. Whatever the host answers, nothing throws. Source: protocol-spec/network.md.
/// </remarks>
public sealed partial class NetvscClient
{
    private const int SmallestSectionBytes = 68;
    private const int SendSectionAlignment = 4;
    private const int MaximumSlots = 256;
    private const int EthernetBytes = 14;

    // The buffer that 2.0 and older hosts take at most.
    private const int OldReceivePages = 15 * 256;

    private readonly VmBusClient _client;
    private readonly NetvscOptions _options;
    private readonly List<NetvscQueue> _queues = [];
    private readonly uint[] _sendTable = new uint[NetworkInterface.SendTableEntries];
    private Gpadl? _receiveBuffer;
    private Gpadl? _sendBuffer;
    private PageRun? _headerPages;
    private PageRun? _controlPage;
    private long _violations;

    /// <summary>A driver that has not started.</summary>
    /// <param name="client">The connection.</param>
    /// <param name="offer">The adapter's primary channel.</param>
    /// <param name="options">As usual when null.</param>
    public NetvscClient(VmBusClient client, OfferChannel offer, NetvscOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        (_client, Offer, _options) = (client, offer, options ?? new NetvscOptions());
    }

    /// <summary>The primary channel's offer.</summary>
    public OfferChannel Offer { get; }

    /// <summary>The channels in order: the primary, then the sub-channels.</summary>
    public IReadOnlyList<NetvscQueue> Queues => _queues;

    /// <summary>The version agreed on.</summary>
    public NvspVersion Version { get; private set; }

    /// <summary>Size of a section that frames are received in.</summary>
    public int ReceiveSectionBytes { get; private set; }

    /// <summary>How many there are.</summary>
    public int ReceiveSectionCount { get; private set; }

    /// <summary>Size of a section that frames are sent from.</summary>
    public int SendSectionBytes { get; private set; }

    /// <summary>For each flow the channel that the host would have it sent on.</summary>
    public IReadOnlyList<uint> SendTable => _sendTable;

    /// <summary>The RAM.</summary>
    public GuestMemory Memory => _client.Transport.Memory;

    /// <summary>Who gets frames that come while an answer is waited for; nobody when null.</summary>
    public INetvscReceiver? Receiver { get; set; }

    /// <summary>Rules of the device's protocol that the host has broken. Any thread.</summary>
    public long Violations => Interlocked.Read(ref _violations);

    /// <summary>The last of them.</summary>
    public ClientViolation LastViolation { get; private set; }

    internal GuestRegion? ReceiveRegion => _receiveBuffer?.Region;

    internal GuestRegion? SendRegion => _sendBuffer?.Region;

    /// <summary>Opens the channel and does everything up to where frames can be sent; <see cref="SetFilter"/> has them received.</summary>
    public ClientStatus Start()
    {
        ClientStatus status = OpenPrimary();
        if (status == ClientStatus.Ok) status = Negotiate();
        if (status == ClientStatus.Ok) status = Configure();
        if (status == ClientStatus.Ok) status = GiveReceiveBuffer();
        if (status == ClientStatus.Ok) status = GiveSendBuffer();
        if (status == ClientStatus.Ok) status = InitializeRndis();
        if (status == ClientStatus.Ok) status = AskForTraits();
        return status;
    }

    /// <summary>Opens the primary channel, and nothing else.</summary>
    public ClientStatus OpenPrimary()
    {
        if (_queues.Count > 0) return ClientStatus.BadState;
        if (_controlPage is null)
        {
            if (!_client.Pages.TryTake(1, out PageRun page)) return ClientStatus.OutOfMemory;
            _controlPage = page;
        }

        ClientStatus status = _client.TryOpen(Offer, _options.PagesPerRing, _options.Processor, out ClientChannel? channel);
        if (status == ClientStatus.Ok) _queues.Add(new NetvscQueue(this, channel!, 0));
        return status;
    }

    /// <summary>Proposes versions until the host takes one.</summary>
    public ClientStatus Negotiate()
    {
        Version = NvspVersion.None;
        foreach (NvspVersion version in _options.Versions)
        {
            new NvspInitialize(version, version).Write(BeginMessage());
            ClientStatus status = Ask(NvspMessageType.InitializeComplete, NvspReceiveSections.Size);
            if (status != ClientStatus.Ok) return status;
            if (!NvspInitializeComplete.TryRead(Answer, out NvspInitializeComplete complete)) return Invalid();
            if (complete.Status != NvspStatus.Success) continue;
            Version = version;
            return ClientStatus.Ok;
        }

        return ClientStatus.Refused;
    }

    /// <summary>Tells the host what the guest is; there is no answer.</summary>
    public ClientStatus Configure()
    {
        if (Version >= NvspVersion.V2)
        {
            NdisCapabilities capabilities = NdisCapabilities.Ieee8021Q;
            if (Version >= NvspVersion.V5) capabilities |= NdisCapabilities.Teaming;
            if (Version.HasCoalescing()) capabilities |= NdisCapabilities.Rsc;
            new NvspNdisConfiguration((uint)(_options.Mtu + EthernetBytes), capabilities).Write(BeginMessage());
            ClientStatus status = Tell();
            if (status != ClientStatus.Ok) return status;
        }

        new NvspNdisVersion(6, Version >= NvspVersion.V5 ? 30u : 1u).Write(BeginMessage());
        return Tell();
    }

    /// <summary>Gives the host the buffer that frames are received into.</summary>
    public ClientStatus GiveReceiveBuffer()
    {
        int pages = Version <= NvspVersion.V2 ? Math.Min(_options.ReceivePages, OldReceivePages) : _options.ReceivePages;
        ClientStatus status = TryDescribe(ref _receiveBuffer, pages);
        if (status != ClientStatus.Ok) return status;
        new NvspBuffer(_receiveBuffer!.Id, NetworkInterface.ReceiveBufferId).Write(BeginMessage(), NvspMessageType.SendReceiveBuffer);
        status = Ask(NvspMessageType.SendReceiveBufferComplete, NvspReceiveSections.Size);
        if (status != ClientStatus.Ok) return status;
        if (!NvspReceiveSections.TryRead(Answer, out NvspReceiveSections sections)) return Invalid();
        if (sections.Status != NvspStatus.Success) return ClientStatus.Refused;
        // As Linux: at least a header's worth in each, and all of them inside of the buffer, from its start.
        bool fits = sections.SectionBytes >= SmallestSectionBytes && sections.SectionCount > 0
            && (ulong)sections.SectionBytes * sections.SectionCount <= (ulong)_receiveBuffer.Region.Bytes
            && BinaryPrimitives.ReadUInt32LittleEndian(Answer[12..]) == 0;
        if (!fits) return Invalid();
        (ReceiveSectionBytes, ReceiveSectionCount) = ((int)sections.SectionBytes, (int)sections.SectionCount);
        foreach (NetvscQueue queue in _queues) queue.StartReceiving(ReceiveSectionBytes, ReceiveSectionCount);
        return ClientStatus.Ok;
    }

    /// <summary>Gives the host the buffer that frames are sent from.</summary>
    public ClientStatus GiveSendBuffer()
    {
        ClientStatus status = TryDescribe(ref _sendBuffer, _options.SendPages);
        if (status != ClientStatus.Ok) return status;
        new NvspBuffer(_sendBuffer!.Id, 0).Write(BeginMessage(), NvspMessageType.SendSendBuffer);
        status = Ask(NvspMessageType.SendSendBufferComplete, NvspSendSections.Size);
        if (status != ClientStatus.Ok) return status;
        if (!NvspSendSections.TryRead(Answer, out NvspSendSections sections)) return Invalid();
        if (sections.Status != NvspStatus.Success) return ClientStatus.Refused;
        bool fits = sections.SectionBytes is >= SmallestSectionBytes and <= ushort.MaxValue && sections.SectionBytes % SendSectionAlignment == 0
            && SlotsPerQueue((int)sections.SectionBytes) > 0;
        if (!fits) return Invalid();
        SendSectionBytes = (int)sections.SectionBytes;
        int headers = _options.MaximumQueues * SlotsPerQueue(SendSectionBytes) * NetvscQueue.HeaderBytes;
        if (_headerPages is null)
        {
            if (!_client.Pages.TryTake((headers + Gpa.PageBytes - 1) / Gpa.PageBytes, out PageRun pages)) return ClientStatus.OutOfMemory;
            _headerPages = pages;
        }

        foreach (NetvscQueue queue in _queues) StartSending(queue);
        return ClientStatus.Ok;
    }

    /// <summary>Asks for sub-channels and opens those that the host grants.</summary>
    /// <param name="wanted">How many beside the primary; fewer when the options or the host have no more.</param>
    public ClientStatus OpenSubchannels(int wanted)
    {
        if (!Version.HasSubchannels() || _queues.Count != 1) return ClientStatus.BadState;
        wanted = Math.Min(wanted, _options.MaximumQueues - 1);
        if (wanted <= 0) return ClientStatus.Ok;
        new NvspSubchannelRequest(NvspSubchannelRequest.Allocate, (uint)wanted).Write(BeginMessage());
        ClientStatus status = Ask(NvspMessageType.Subchannel, NvspSubchannelComplete.Size);
        if (status != ClientStatus.Ok) return status;
        if (!NvspSubchannelComplete.TryRead(Answer, out NvspSubchannelComplete granted)) return Invalid();
        if (granted.Status != NvspStatus.Success) return ClientStatus.Refused;
        if (granted.Count > wanted) return Invalid();
        for (int index = 1; index <= granted.Count; index++)
        {
            status = _client.TryTakeSubchannel(Offer, index, _options.AnswerTimeout, out OfferChannel offer);
            if (status != ClientStatus.Ok) return status;
            status = _client.TryOpen(offer, _options.PagesPerRing, _options.Processor + (uint)index, out ClientChannel? channel);
            if (status != ClientStatus.Ok) return status;
            var queue = new NetvscQueue(this, channel!, index);
            queue.StartReceiving(ReceiveSectionBytes, ReceiveSectionCount);
            StartSending(queue);
            _queues.Add(queue);
        }

        return ClientStatus.Ok;
    }

    /// <summary>
    /// Ends everything: no frames, RNDIS halted, what is on its way completed, buffers revoked, channels closed, memory back. The other queues'
    /// threads have stopped. A host that does not answer is left all the same; its memory is not used again.
    /// </summary>
    /// <returns>Ok, or what went wrong first.</returns>
    public ClientStatus Stop()
    {
        if (_queues.Count == 0) return ClientStatus.BadState;
        ClientStatus status = ClientStatus.Ok;
        if (IsInitialized)
        {
            status = First(SetFilter(0), Halt());
            status = First(status, Drain());
        }

        if (_receiveBuffer is not null) status = First(status, Revoke(NetworkInterface.ReceiveBufferId, NvspMessageType.RevokeReceiveBuffer));
        if (_sendBuffer is not null) status = First(status, Revoke(0, NvspMessageType.RevokeSendBuffer));
        // Hosts before 4.0 want the memory torn down before the close.
        bool early = _client.Version < ProtocolVersion.V4_0;
        if (early) status = First(status, TearDownBuffers());
        for (int i = _queues.Count - 1; i >= 0; i--) status = First(status, _client.Close(_queues[i].Channel));
        if (!early) status = First(status, TearDownBuffers());
        // The host has taken the sub-channels away before it said that the primary's rings are free.
        foreach (uint id in _client.RescindedChannels.Intersect(_queues.Skip(1).Select(static queue => queue.Channel.Id))) _ = _client.Release(id);

        _queues.Clear();
        Version = NvspVersion.None;
        if (status != ClientStatus.Ok) return status;
        Return(ref _headerPages);
        Return(ref _controlPage);
        return status;
    }

    internal void Violate(ClientViolation violation)
    {
        Interlocked.Increment(ref _violations);
        LastViolation = violation;
    }

    private static ClientStatus First(ClientStatus earlier, ClientStatus later) => earlier == ClientStatus.Ok ? later : earlier;

    private ClientStatus Invalid()
    {
        Violate(ClientViolation.BadValue);
        return ClientStatus.Violation;
    }

    private int SlotsPerQueue(int sectionBytes)
        => (int)Math.Min(MaximumSlots, _sendBuffer!.Region.Bytes / sectionBytes / _options.MaximumQueues);

    private void StartSending(NetvscQueue queue)
    {
        int slots = SlotsPerQueue(SendSectionBytes);
        Gpa headers = Gpa.FromPage(_headerPages!.Value.FirstPage) + (ulong)(queue.Index * slots * NetvscQueue.HeaderBytes);
        queue.StartSending(queue.Index * slots, slots, headers);
    }

    private ClientStatus TryDescribe(ref Gpadl? buffer, int pages)
    {
        if (buffer is not null || _queues.Count == 0) return ClientStatus.BadState;
        if (!_client.Pages.TryTake(pages, out PageRun run)) return ClientStatus.OutOfMemory;
        ClientStatus status = _client.TryCreateGpadl(Offer.ChannelId, [run], out uint id);
        if (status == ClientStatus.Ok) buffer = new Gpadl(id, run, new GuestRegion(Memory, 0, (long)pages * Gpa.PageBytes, [run]));
        else if (status is not (ClientStatus.TimedOut or ClientStatus.Violation)) _client.Pages.Return(run);
        return status;
    }

    private ClientStatus Revoke(ushort id, NvspMessageType type)
    {
        Span<byte> message = BeginMessage();
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)type);
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], id);
        return Tell();
    }

    private ClientStatus TearDownBuffers() => First(TearDown(ref _receiveBuffer), TearDown(ref _sendBuffer));

    private ClientStatus TearDown(ref Gpadl? buffer)
    {
        if (buffer is not { } gpadl) return ClientStatus.Ok;
        buffer = null;
        ClientStatus status = _client.TearDownGpadl(Offer.ChannelId, gpadl.Id);
        if (status == ClientStatus.Rescinded) status = ClientStatus.Ok;
        if (status == ClientStatus.Ok) _client.Pages.Return(gpadl.Pages);
        return status;
    }

    private void Return(ref PageRun? pages)
    {
        if (pages is { } run) _client.Pages.Return(run);
        pages = null;
    }

    private sealed record Gpadl(uint Id, PageRun Pages, GuestRegion Region);
}
