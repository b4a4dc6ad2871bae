using VmBus.Client.Sysfs;
using VmBus.Client.Uio;
using VmBus.Conformance.Checks.Rings;
using VmBus.Conformance.Running;
using VmBus.Native.Linux;
using VmBus.Protocol.Echo;

namespace VmBus.Conformance.Inside;

/// <summary>What a check inside a guest works with: what the kernel shows, and one device that this process drives.</summary>
/// <remarks>One for a run, one thread. It gives the device back at its end.</remarks>
internal sealed class InsideBench : IDisposable
{
    private readonly EventFd _wake = EventFd.Create();
    private readonly VmbusDevice? _chosen;
    private UioDevice? _device;
    private UioRingChannel? _open;
    private IReadOnlyList<KernelEvent>? _life;

    /// <summary>A bench of a guest.</summary>
    /// <param name="view">What the kernel shows.</param>
    /// <param name="chosen">The device that is driven; the echo device when null.</param>
    /// <param name="patience">For how long an answer that has to come is waited for.</param>
    public InsideBench(GuestView view, VmbusDevice? chosen, TimeSpan patience)
    {
        (View, Patience) = (view, patience);
        _chosen = chosen ?? view.Tree.Read().FirstOrDefault(static device => device.ClassId == EchoInterface.Type);
    }

    public GuestView View { get; }

    public TimeSpan Patience { get; }

    /// <summary>Which ring rule the device was given up for; null while it is there.</summary>
    public string? BrokenBy { get; private set; }

    /// <summary>The number of the device's channel.</summary>
    public uint ChannelId => Chosen().Id;

    /// <summary>The bit of the monitor page by which the host is signalled; null for hypercalls, and while no channel was opened.</summary>
    public byte? MonitorId => _device?.MonitorId;

    /// <summary>A file of the device's channel in sysfs.</summary>
    public string ChannelFile(string name) => Path.Combine(View.Root, "sys/bus/vmbus/devices", Chosen().InstanceId.ToString(), "channels", $"{ChannelId}", name);

    /// <summary>Has the kernel open the echo device's channel, anew.</summary>
    public EchoRings OpenEcho()
    {
        if (Chosen().ClassId != EchoInterface.Type) throw new NotCoveredException("It takes a device that answers what it is asked: the echo device ('vmbus run --echo').");
        return new EchoRings(Open());
    }

    /// <summary>Has the kernel open the device's channel, anew.</summary>
    public UioRingChannel Open()
    {
        Close();
        UioDevice device = Bound();
        try
        {
            _open = new UioRingChannel(ChannelId, device.Open(_wake), Patience);
            return _open;
        }
        catch (UioException problem)
        {
            throw new RuleBrokenException(problem.Message);
        }
    }

    /// <summary>Has the kernel close the channel.</summary>
    public void Close()
    {
        _open?.Dispose();
        _open = null;
    }

    /// <summary>What the kernel and the host said to each other while the device was taken, opened, closed, opened again, closed and given back.</summary>
    public IReadOnlyList<KernelEvent> Life()
    {
        if (_life is not null) return _life;
        uint id = ChannelId;
        using KernelTrace trace = KernelTrace.TryStart(View.Root) ?? throw new NotCoveredException("The kernel shows no channel messages: /sys/kernel/tracing/events/hyperv is missing, or this is not root.");
        Release();
        for (int round = 0; round < 2; round++)
        {
            _ = Open();
            Close();
        }

        Release();
        _life = KernelTrace.OfChannel(trace.Read(), id);
        return _life;
    }

    /// <summary>Breaks the rules of the device's ring, and waits until the host has taken it away.</summary>
    public string Break(string rule)
    {
        EchoRings device = OpenEcho();
        _ = device.Ask("A request");
        RingBreak one = RingBreaks.ById[rule][0];
        BrokenBy = rule;
        one.Break(device);
        _ = device.Channel.Signal();
        bool isGone = device.Channel.WaitUntil(() => !device.Channel.WaitForInterrupt(TimeSpan.FromMilliseconds(100)) && _open!.IsGone);
        Bench.Must(isGone, $"With {one.Name} the channel was not rescinded.");
        return $"rescinded with {one.Name}";
    }

    public void Dispose()
    {
        Close();
        try
        {
            Release();
        }
        catch (UioException)
        {
            // The host has taken it away, or the kernel keeps it: what was seen is worth more.
        }

        _wake.Dispose();
    }

    private VmbusDevice Chosen() => _chosen
        ?? throw new NotCoveredException("The host offers no echo device ('vmbus run --echo'), and no other was given ('--device').");

    private UioDevice Bound()
    {
        if (_device is not null) return _device;
        VmbusDevice chosen = Chosen();
        UioDevice device = UioDevice.Find(chosen.ClassId, View.Root).FirstOrDefault(found => Guid.TryParse(found.Instance, out Guid instance) && instance == chosen.InstanceId)
            ?? throw new NotCoveredException($"The device {chosen.InstanceId} is not there any more.");
        try
        {
            device.Bind();
        }
        catch (UioException problem)
        {
            throw new NotCoveredException(problem.Message);
        }

        return _device = device;
    }

    private void Release()
    {
        _device?.Unbind();
        _device = null;
    }
}
