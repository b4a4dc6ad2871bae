using VmBus.Network.Frames;

namespace VmBus.Network.Links;

/// <summary>A queue's way to the capture that is set on its link, if any. One lane at a time.</summary>
public struct CaptureTap
{
    private FrameCapture? _known;
    private int _adapter;

    /// <summary>The number of the queue's adapter in a capture, announced when the capture is new.</summary>
    public int AdapterIn(FrameCapture capture, string name)
    {
        if (ReferenceEquals(capture, _known)) return _adapter;
        _known = capture;
        return _adapter = capture.AddInterface(name);
    }
}
