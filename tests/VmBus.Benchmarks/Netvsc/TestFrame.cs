namespace VmBus.Benchmarks.Netvsc;

/// <summary>The frames of this part: from one fixed address to another, of a type that hosts ignore.</summary>
internal static class TestFrame
{
    internal const int MaximumBytes = 1514;

    /// <summary>Length of those that only find out whether the bridge passes frames on: it differs from that of all others.</summary>
    internal const int ProbeBytes = 99;

    internal const string Sender = "02:00:00:00:00:0a";
    internal const string Receiver = "02:00:00:00:00:0b";

    internal static byte[] Make(int bytes)
    {
        byte[] frame = new byte[bytes];
        frame.AsSpan().Fill(0x5A);
        new byte[] { 2, 0, 0, 0, 0, 0xB, 2, 0, 0, 0, 0, 0xA, 0x88, 0xB5 }.CopyTo(frame, 0);
        return frame;
    }
}
