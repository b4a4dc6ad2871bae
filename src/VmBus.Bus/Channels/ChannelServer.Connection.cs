using VmBus.Protocol.Channel;
using VmBus.Protocol.HyperV;

namespace VmBus.Bus.Channels;

/// <summary>Contact, unload, reset, and the messages that concern the connection as a whole.</summary>
internal sealed partial class ChannelServer
{
    private readonly List<byte[]> _held = [];
    private bool _offersRequested;
    private bool _isPaused;
    private bool _isDisconnecting;
    private bool _isResetting;
    private bool _answerUnload;
    private InitiateContact? _nextContact;

    /// <summary>The version agreed on; null while there is no connection.</summary>
    public ProtocolVersion? Version { get; private set; }

    /// <summary>The features agreed on.</summary>
    public FeatureFlags Features { get; private set; }

    /// <summary>How the connection stands.</summary>
    public ConnectionState State => this switch
    {
        { _isDisconnecting: true } => ConnectionState.Disconnecting,
        { Version: null } => ConnectionState.Unconnected,
        { _isPaused: true } => ConnectionState.Paused,
        { _offersRequested: true } => ConnectionState.Offered,
        _ => ConnectionState.Connected,
    };

    /// <summary>
    /// Forgets the connection without a word to the guest; <see cref="IChannelEffects.ResetCompleted"/> tells when everything has stopped.
    /// </summary>
    public void Reset()
    {
        _isResetting = true;
        _nextContact = null;
        _answerUnload = false;
        Disconnect();
    }

    /// <summary>The answer of whoever serves sockets to a connect it took: only a failure is told to the guest, a success is an offer.</summary>
    public void ConnectFailed(in TlConnectRequest request, NtStatus status)
    {
        if (Version >= ProtocolVersion.V4_1) Send(new TlConnectResult(request.EndpointId, request.ServiceId, status));
    }

    // A contact resets whatever was before, in every state: the guest's kernel may have been replaced without a word (kexec, kdump, firmware).
    private Refusal? OnInitiateContact(InitiateContact contact)
    {
        _nextContact = contact;
        _answerUnload = false;
        Disconnect();
        return null;
    }

    private Refusal? OnUnload()
    {
        _nextContact = null;
        _answerUnload = true;
        Disconnect();
        return null;
    }

    private void Disconnect()
    {
        bool wasConnected = Version is not null;
        _isDisconnecting = false;
        Version = null;
        Features = FeatureFlags.None;
        effects.SetMonitorPage(0);
        _offersRequested = false;
        _isPaused = false;
        _held.Clear();
        effects.DropMessages();
        if (wasConnected) effects.ConnectionChanged(null);
        foreach (ServerChannel channel in _channels.Values.ToList()) End(channel, AfterClose.Forget);
        _isDisconnecting = true;
        CompleteDisconnect();
    }

    // Waits until nothing touches the old guest's memory, then does what the last message asked for.
    private void CompleteDisconnect()
    {
        if (!_isDisconnecting || _channels.Values.Any(channel => channel.IsRunning)) return;
        _isDisconnecting = false;
        _gpadls.Clear();
        bool resetCompleted = _isResetting;
        _isResetting = false;
        if (_answerUnload) Send(new UnloadResponse());
        _answerUnload = false;
        if (_nextContact is { } contact) Answer(contact);
        _nextContact = null;
        if (resetCompleted) effects.ResetCompleted();
    }

    private void Answer(in InitiateContact contact)
    {
        effects.SetMessageProcessor(contact.MessageProcessor);
        if (!contact.Version.IsServed || contact.Version > maximumVersion
            || contact.MessageInterrupt != SyntheticInterrupts.VmBus || contact.MessageTrustLevel != 0)
        {
            Send(new VersionResponse(0, ConnectionStatus.Successful, 0, null));
            return;
        }

        if (contact.ParentToChildMonitorPage == 0 != (contact.ChildToParentMonitorPage == 0))
        {
            // Linux looks only at the first byte, so a failure has to be a refusal as well.
            Send(new VersionResponse(0, ConnectionStatus.UnknownFailure, 0, null));
            return;
        }

        Version = contact.Version;
        Features = contact.Features & FeatureFlags.Served;
        uint selected = contact.Version >= ProtocolVersion.V5_0 ? ConnectionIds.Message : contact.Version.Value;
        Send(new VersionResponse(1, ConnectionStatus.Successful, selected, contact.Version >= ProtocolVersion.V6_0 ? Features : null));
        effects.SetMonitorPage(contact.ChildToParentMonitorPage);
        effects.ConnectionChanged(Version);
    }

    private Refusal? OnTlConnect(in TlConnectRequest request)
    {
        if (!effects.TryConnect(request)) ConnectFailed(request, NtStatus.ConnectionRefused);
        return null;
    }

    private Refusal? OnModifyConnection(in ModifyConnection request)
    {
        bool sound = request.ParentToChildMonitorPage == 0 == (request.ChildToParentMonitorPage == 0);
        if (sound) effects.SetMonitorPage(request.ChildToParentMonitorPage);
        Send(new ModifyConnectionResponse(sound ? ConnectionStatus.Successful : ConnectionStatus.UnknownFailure));
        return sound ? null : Refusal.BadState;
    }

    private Refusal? OnPause()
    {
        Send(new PauseResponse());
        _isPaused = true;
        return null;
    }

    // Any message that is allowed while paused ends the pause.
    private void Release()
    {
        _isPaused = false;
        foreach (byte[] message in _held) effects.Send(message);
        _held.Clear();
    }
}
