using VmBus.Native.Linux;

namespace VmBus.Network.Links.Taps;

// What becomes of the interface while the link is open.
internal sealed partial class TapLink
{
    private void Watch()
    {
        while (true)
        {
            DescriptorIo.Wait(_changes.Descriptor, -1, _wake);
            lock (_gate)
            {
                if (_disposed) return;
            }

            // Before the look, so that what happens during it is reported again.
            _changes.Drain();
            Refresh();
        }
    }

    // Looks at the interface's whole state: reports can be lost, and several may stand for one change.
    private void Refresh()
    {
        bool changed;
        lock (_gate)
        {
            if (_disposed) return;
            bool wasUp = _up;
            string? hindrance = Examine();
            _up = hindrance is null;
            changed = wasUp != _up;
            if (changed && _up) NetworkLog.Up(_logger, Name);
            if (hindrance is not null && hindrance != _reason) NetworkLog.Down(_logger, Name, hindrance);
            _reason = hindrance ?? string.Empty;
        }

        if (changed) Changed?.Invoke();
    }

    private string? Examine()
    {
        if (_anchor is not null)
        {
            if (_anchor.TryGetName(out string name))
            {
                _interface = name;
            }
            else
            {
                Lose();
            }
        }

        if (_route.Find(_interface) is not { } now) return $"interface '{_interface}' does not exist";
        if (_anchor is null && Reopen() is { } problem) return problem;
        if (now.Mtu != _mtu)
        {
            _mtu = now.Mtu;
            if (_mtu + EthernetHeader != Traits.MaximumFrameBytes)
                NetworkLog.MtuChanged(_logger, Name, _mtu, Traits.MaximumFrameBytes - EthernetHeader);
        }

        if (!now.IsUp) return $"interface '{_interface}' is down";
        return _bridge?.Check(now, _route);
    }

    private void Lose()
    {
        _anchor?.Dispose();
        _anchor = null;
        _bridge?.Forget();
        foreach (TapQueue queue in _queues) queue.Exchange(null, owned: false);
    }

    // Somebody has made an interface of the old name. Whoever made it may not have finished; every step of his is reported again.
    private string? Reopen()
    {
        TapDevice? device = TapDevice.TryOpen(_interface, _multiple, out int errno);
        if (device is null) return $"interface '{_interface}' cannot be opened: {LinuxException.DescribeError(errno)}";
        ApplyOffloads(device);
        ApplyFilter(device);
        if (_multiple && device.Detach() is < 0 and var refused)
        {
            device.Dispose();
            return $"interface '{_interface}' cannot be used: {LinuxException.DescribeError(-refused)}";
        }

        _anchor = device;
        foreach (TapQueue queue in _queues)
        {
            if (TryOpenFor(out TapDevice? opened)) queue.Exchange(opened, owned: _multiple);
        }

        return null;
    }
}
