using VmBus.Native.Linux;

namespace VmBus.Network.Links.Taps;

// What becomes of the interface while the link is open.
internal sealed partial class TapLink
{
    private void Watch()
    {
        while (true)
        {
            bool asks;
            lock (_gate)
            {
                if (_disposed) return;
                asks = _mustBeRenewed;
            }

            // Not under the lock: whoever is asked may answer at once.
            if (asks) _lost?.Invoke();
            _ = DescriptorIo.WaitForInput(_changes.Descriptor, _wake, asks ? AskPeriod : Timeout.InfiniteTimeSpan);
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

        _mustBeRenewed = false;
        if (_route.Find(_interface) is not { } now) return $"interface '{_interface}' does not exist";
        if (_anchor is null && Reopen() is { } problem) return problem;
        if (now.Mtu != _mtu)
        {
            _mtu = now.Mtu;
            if (_mtu + EthernetHeader != Traits.MaximumFrameBytes)
                NetworkLog.MtuChanged(_logger, Name, _mtu, Traits.MaximumFrameBytes - EthernetHeader);
        }

        _mustBeRenewed = _given is not null && _bridge?.MustBeRenewed(now, _route) == true;
        if (!now.IsUp) return $"interface '{_interface}' is down";
        return _bridge?.Check(now, _route);
    }

    private void Lose()
    {
        _anchor?.Dispose();
        _anchor = null;
        CloseGiven();
        _bridge?.Forget();
        foreach (TapQueue queue in _queues) queue.Exchange(null);
    }

    /// <inheritdoc/>
    public void Renew(LinkDescriptors open)
    {
        Queue<TapDevice> fresh = new(open.Files.Select(TapDevice.Take));
        lock (_gate)
        {
            // Nobody waits for it when the link is closed or in order.
            if (_given is null || _disposed || (_anchor is not null && !_mustBeRenewed))
            {
                foreach (TapDevice queue in fresh) queue.Dispose();
                return;
            }

            Lose();
            Found found;
            try
            {
                found = Take(_options, fresh.Dequeue(), _route);
            }
            catch
            {
                foreach (TapDevice queue in fresh) queue.Dispose();
                throw;
            }

            while (fresh.TryDequeue(out TapDevice? queue)) _given.Enqueue(queue);
            _interface = found.Interface.Name;
            _bridge = found.Bridge;
            Begin(found.Anchor);
        }

        Refresh();
    }

    // Somebody has made an interface of the old name. Whoever made it may not have finished; every step of his is reported again.
    private string? Reopen()
    {
        if (_given is not null)
        {
            _mustBeRenewed = true;
            return $"interface '{_interface}' is there again, and is to be opened by whoever has given it";
        }

        TapDevice? device = TapDevice.TryOpen(_interface, _multiple, out int errno);
        if (device is null) return $"interface '{_interface}' cannot be opened: {LinuxException.DescribeError(errno)}";
        if (_multiple && device.Detach() is < 0 and var refused)
        {
            device.Dispose();
            return $"interface '{_interface}' cannot be used: {LinuxException.DescribeError(-refused)}";
        }

        Begin(device);
        return null;
    }

    private void Begin(TapDevice anchor)
    {
        ApplyOffloads(anchor);
        ApplyFilter(anchor);
        _anchor = anchor;
        foreach (TapQueue queue in _queues)
        {
            if (TryOpenFor(out TapDevice? opened)) queue.Exchange(opened);
        }
    }
}
