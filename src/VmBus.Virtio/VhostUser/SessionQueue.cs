using VmBus.Native.Linux;
using VmBus.Lanes;
using VmBus.Protocol.VhostUser;
using VmBus.Virtio.Devices;

namespace VmBus.Virtio.VhostUser;

/// <summary>What a front-end has said of one queue, and the queue while it runs. The session's thread uses it, and where it says so the lane.</summary>
internal sealed class SessionQueue(int index, Lane lane) : IQueueSignal, IDisposable
{
    private SignalDescriptor? _call;

    public int Index => index;

    public Lane Lane => lane;

    public int Size { get; set; }

    public uint Base { get; set; }

    public VhostUserQueueAddresses? Addresses { get; set; }

    public bool IsEnabled { get; set; }

    /// <summary>The front-end has given a way to kick, or has said that there is none.</summary>
    public bool IsStarted { get; set; }

    public EventFd? Kick { get; set; }

    public SignalDescriptor? Error { get; set; }

    public QueueRunner? Runner { get; set; }

    /// <summary>Replaces the way to signal, also while the queue runs.</summary>
    public void SetCall(SignalDescriptor? call) => lane.Invoke(() =>
    {
        _call?.Dispose();
        _call = call;
        // What the old one has not told is told by the new one.
        if (Runner is not null) _call?.Signal();
    });

    /// <inheritdoc/>
    public void Signal() => _call?.Signal();

    /// <summary>Forgets the descriptors of a queue that does not run.</summary>
    public void Close()
    {
        IsStarted = false;
        Kick?.Dispose();
        Kick = null;
        SetCall(null);
        Error?.Dispose();
        Error = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Close();
}
