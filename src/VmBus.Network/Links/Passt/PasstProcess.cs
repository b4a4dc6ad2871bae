using System.Globalization;
using VmBus.Native.Linux;

namespace VmBus.Network.Links.Passt;

/// <summary>A <c>passt</c> process with the one connection it serves: a child, or one that another process has started for this one.</summary>
/// <remarks>
/// It is born with its end of the connection and ends when the other one goes, so a user who is killed leaves none behind. It gives up
/// root by itself. Any thread. Source: passt(1).
/// </remarks>
internal sealed class PasstProcess : IDisposable
{
    internal const string Program = "passt";

    private const int EthernetBytes = 60;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    private readonly IServingProcess _child;

    private PasstProcess(IServingProcess child, LinuxFile connection)
    {
        _child = child;
        Connection = connection;
        child.Ended += _ => Ended?.Invoke(this);
    }

    /// <summary>Raised, on any thread, when the child has ended.</summary>
    internal event Action<PasstProcess>? Ended;

    /// <summary>Whether it has ended.</summary>
    internal bool HasEnded => _child.HasEnded;

    /// <summary>The child's process id.</summary>
    internal int ProcessId => _child.ProcessId;

    /// <summary>The connection; it belongs to the caller of <see cref="Start"/>.</summary>
    internal LinuxFile Connection { get; }

    /// <summary>The last lines that the child wrote.</summary>
    internal string LastWords => WordsOf(_child);

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
            if (child is null) throw Missing();
            WaitUntilReady(child, ours);
            return new PasstProcess(child, ours);
        }
        catch (Exception failure)
        {
            child?.Dispose();
            ours?.Dispose();
            if (failure is LinuxException refused) throw Refused(refused);
            throw;
        }
    }

    /// <summary>Starts one for whoever gets the descriptors, the connection and the process, and waits until it serves.</summary>
    /// <param name="mtu">Longest packet, which it tells the guest.</param>
    /// <exception cref="LinkException">It is not installed, or cannot work here.</exception>
    internal static IReadOnlyList<LinuxFile> OpenDescriptors(int mtu)
    {
        LinuxFile? ours = null;
        try
        {
            (ours, LinuxFile theirs) = UnixStream.CreatePair();
            LastingProcess? started;
            using (theirs) started = LastingProcess.TryStart(Describe(mtu, theirs));
            using LastingProcess passt = started ?? throw Missing();
            WaitUntilReady(passt, ours);
            return [ours, passt.Handle.Duplicate()];
        }
        catch (Exception failure)
        {
            ours?.Dispose();
            if (failure is LinuxException refused) throw Refused(refused);
            throw;
        }
    }

    /// <summary>Takes one over that another process has started.</summary>
    /// <exception cref="LinkException">There are other descriptors than those of passt; they are closed.</exception>
    internal static PasstProcess Take(LinkDescriptors open)
    {
        if (open.Files.Count == 2) return new PasstProcess(LastingProcess.Take(open.Files[1]), open.Files[0]);
        open.Dispose();
        throw new LinkException(LinkProblem.Host, $"Network link 'user' was given with {open.Files.Count} descriptors instead of 2: use programs of the same release.");
    }

    /// <summary>Ends the child, whose number is free when this returns. One that this process may not end does so by itself when its connection has been closed before.</summary>
    public void Dispose()
    {
        _child.Kill();
        _ = _child.WaitForEnd(StopLimit);
        _child.Dispose();
    }

    private static ChildProgram Describe(int mtu, LinuxFile connection) => new(
        Program,
        [
            "--foreground", "--stderr", "--quiet", "--mtu", mtu.ToString(CultureInfo.InvariantCulture),
            "--fd", ChildProcess.GivenDescriptor.ToString(CultureInfo.InvariantCulture),
        ])
    {
        Descriptors = [connection],
        // Without a system log it says so at every line.
        IsOfInterest = static line => !line.Contains("to syslog", StringComparison.Ordinal),
    };

    // The child reads when it is ready, so it gets something to read: a frame of no protocol, from the address that it takes for a guest's of which it
    // knows nothing yet.
    private static void WaitUntilReady(IServingProcess passt, LinuxFile connection)
    {
        using var frame = new BounceBuffer(PasstStream.LengthBytes + EthernetBytes);
        frame.Data[PasstStream.LengthBytes - 1] = EthernetBytes;
        frame.Data.Slice(PasstStream.LengthBytes + 6, 6).Fill(0xFF);
        // IEEE 802's number for experiments.
        frame.Data[PasstStream.LengthBytes + 12] = 0x88;
        frame.Data[PasstStream.LengthBytes + 13] = 0xB5;
        bool sent = LinuxFile.Write(connection, frame.Vector(frame.Bytes), 1, -1, 0) == frame.Bytes;
        long deadline = Environment.TickCount64 + (long)StartLimit.TotalMilliseconds;
        while (!sent || !UnixStream.HasBeenRead(connection))
        {
            // No sign of its own costs less.
            if (passt.WaitForEnd(TimeSpan.FromMilliseconds(sent ? 10 : StartLimit.TotalMilliseconds))) throw Explain(WordsOf(passt));
            if (Environment.TickCount64 > deadline)
                throw new LinkException(LinkProblem.Host, $"Network link 'user': passt was not ready within {StartLimit.TotalSeconds} s: {WordsOf(passt)}");
        }
    }

    private static string WordsOf(IServingProcess passt) => passt.LastWords is { Count: > 0 } words ? string.Join(" | ", words) : "it gave no reason";

    private static LinkException Missing() => new(LinkProblem.MissingTool, "Network link 'user' needs the program passt, which is not installed; install the package passt.");

    private static LinkException Refused(LinuxException refused) => new(LinkProblem.Host, $"Network link 'user' cannot be opened: {refused.Message}.");

    private static LinkException Explain(string words) => new(
        LinkProblem.Host,
        words.Contains("xternal interface", StringComparison.Ordinal)
            ? $"Network link 'user': this host has no default route, which passt needs; connect the host, or use a TAP. It says: {words}"
            : $"Network link 'user': passt cannot work here: {words}");
}
