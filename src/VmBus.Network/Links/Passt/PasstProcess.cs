using System.Globalization;
using VmBus.Native.Linux;

namespace VmBus.Network.Links.Passt;

/// <summary>A <c>passt</c> child process with the one connection it serves.</summary>
/// <remarks>
/// The child is born with its end of the connection and ends when the other one goes, so a parent that is killed leaves none behind. It gives up
/// root by itself. Any thread. Source: passt(1).
/// </remarks>
internal sealed class PasstProcess : IDisposable
{
    internal const string Program = "passt";

    private const int EthernetBytes = 60;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10);

    private readonly ChildProcess _child;

    private PasstProcess(ChildProcess child, LinuxFile connection)
    {
        _child = child;
        Connection = connection;
        child.Ended += _ => Ended?.Invoke(this);
    }

    /// <summary>Raised, on any thread, when the child has ended.</summary>
    internal event Action<PasstProcess>? Ended;

    /// <summary>Whether the child has ended.</summary>
    internal bool HasEnded => _child.HasEnded;

    /// <summary>The child's process id.</summary>
    internal int ProcessId => _child.ProcessId;

    /// <summary>The connection; it belongs to the caller of <see cref="Start"/>.</summary>
    internal LinuxFile Connection { get; }

    /// <summary>The last lines that the child wrote.</summary>
    internal string LastWords => _child.LastWords is { Count: > 0 } words ? string.Join(" | ", words) : "it gave no reason";

    /// <summary>Starts the child and waits until it serves.</summary>
    /// <param name="mtu">Longest packet, which the child tells the guest.</param>
    /// <exception cref="LinkException">It is not installed, or cannot work here.</exception>
    internal static PasstProcess Start(int mtu)
    {
        LinuxFile? ours = null;
        ChildProcess? child = null;
        try
        {
            (ours, LinuxFile theirs) = UnixStream.CreatePair();
            using (theirs) child = ChildProcess.TryStart(Describe(mtu, theirs));
            if (child is null)
                throw new LinkException(LinkProblem.MissingTool, "Network link 'user' needs the program passt, which is not installed; install the package passt.");
            var passt = new PasstProcess(child, ours);
            passt.WaitUntilReady();
            return passt;
        }
        catch (Exception failure)
        {
            child?.Dispose();
            ours?.Dispose();
            if (failure is LinuxException refused) throw new LinkException(LinkProblem.Host, $"Network link 'user' cannot be opened: {refused.Message}.");
            throw;
        }
    }

    public void Dispose() => _child.Dispose();

    private static ChildProgram Describe(int mtu, LinuxFile connection) => new(
        Program,
        [
            "--foreground", "--stderr", "--quiet", "--mtu", mtu.ToString(CultureInfo.InvariantCulture),
            "--fd", ChildProcess.GivenDescriptor.ToString(CultureInfo.InvariantCulture),
        ])
    {
        Descriptor = connection,
        // Without a system log it says so at every line.
        IsOfInterest = static line => !line.Contains("to syslog", StringComparison.Ordinal),
    };

    // The child reads when it is ready, so it gets something to read: a frame of no protocol, from the address that it takes for a guest's of which it
    // knows nothing yet.
    private void WaitUntilReady()
    {
        using var frame = new BounceBuffer(PasstStream.LengthBytes + EthernetBytes);
        frame.Data[PasstStream.LengthBytes - 1] = EthernetBytes;
        frame.Data.Slice(PasstStream.LengthBytes + 6, 6).Fill(0xFF);
        // IEEE 802's number for experiments.
        frame.Data[PasstStream.LengthBytes + 12] = 0x88;
        frame.Data[PasstStream.LengthBytes + 13] = 0xB5;
        bool sent = LinuxFile.Write(Connection, frame.Vector(frame.Bytes), 1, -1, 0) == frame.Bytes;
        long deadline = Environment.TickCount64 + (long)StartLimit.TotalMilliseconds;
        while (!sent || !UnixStream.HasBeenRead(Connection))
        {
            // No sign of its own costs less.
            if (_child.WaitForEnd(TimeSpan.FromMilliseconds(sent ? 10 : StartLimit.TotalMilliseconds))) throw Explain(LastWords);
            if (Environment.TickCount64 > deadline)
                throw new LinkException(LinkProblem.Host, $"Network link 'user': passt was not ready within {StartLimit.TotalSeconds} s: {LastWords}");
        }
    }

    private static LinkException Explain(string words) => new(
        LinkProblem.Host,
        words.Contains("xternal interface", StringComparison.Ordinal) || words.Contains("No external routable", StringComparison.Ordinal)
            ? $"Network link 'user': this host has no default route, which passt needs; connect the host, or use a TAP. It says: {words}"
            : $"Network link 'user': passt cannot work here: {words}");
}
